#include "study/study_file.h"

#include <fmt/format.h>

#include "core/errors.h"
#include "db/schema.h"
#include "study/database.h"

namespace concertina {
namespace {

std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix) {
  return path += suffix;
}

std::filesystem::path temporary_path(const std::filesystem::path& path) {
  return path.parent_path() / fmt::format(".{}.tmp", path.filename().string());
}

bool holds_bytes(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return !error && size > 0;
}

}  // namespace

StudyFile::StudyFile(std::unique_ptr<Database> database) : database_(std::move(database)) {}
StudyFile::StudyFile(StudyFile&&) noexcept = default;
StudyFile& StudyFile::operator=(StudyFile&&) noexcept = default;
StudyFile::~StudyFile() = default;

StudyFile StudyFile::create(const std::filesystem::path& path, const StudyHeader& header) {
  if (std::filesystem::exists(path))
    throw InputError(
        fmt::format("{} exists already; resume it or name another file", path.string()));
  const std::filesystem::path unfinished = temporary_path(path);
  std::error_code ignored;
  std::filesystem::remove(unfinished, ignored);  // left by a killed process
  try {
    Database database(Connection(unfinished, OpenMode::kCreate), OpenMode::kCreate);
    database.connection.execute("PRAGMA journal_mode = MEMORY");  // no journal file
    migrate_schema(database.connection, 0);
    database.insert_header(header);
  } catch (...) {
    std::filesystem::remove(unfinished, ignored);
    throw;
  }
  std::filesystem::rename(unfinished, path);
  return open(path);
}

StudyFile StudyFile::open(const std::filesystem::path& path) {
  auto database =
      std::make_unique<Database>(Connection(path, OpenMode::kReadWrite), OpenMode::kReadWrite);
  const int64_t version = check_schema(database->connection);
  database->connection.execute_patiently("PRAGMA journal_mode = WAL");
  migrate_schema(database->connection, version);
  return StudyFile(std::move(database));
}

StudyFile StudyFile::open_read_only(const std::filesystem::path& path) {
  Connection connection(path, OpenMode::kReadOnly);
  if (const int64_t version = check_schema(connection); version < latest_schema()) {
    connection = connection.copy_in_memory();
    migrate_schema(connection, version);
  }
  return StudyFile(std::make_unique<Database>(std::move(connection), OpenMode::kReadOnly));
}

void StudyFile::move(const std::filesystem::path& from, const std::filesystem::path& to) {
  Connection(from, OpenMode::kReadWrite).execute_patiently(kFoldWal);
  if (holds_bytes(with_suffix(from, "-wal")))
    throw SystemError(fmt::format("{} is open in another process", from.string()));
  std::filesystem::rename(from, to);
}

StudyHeader StudyFile::header() const {
  const auto lock = database_->lock();
  Statement read(database_->connection,
                 "SELECT space, seed, config, versions, data, model, device FROM study");
  if (!read.step())
    throw InputError(fmt::format("{} holds an empty study: it is damaged",
                                 database_->connection.path().string()));
  database_->conv_layers();  // fails if its space is invalid
  return {read.text(0),
          static_cast<uint64_t>(read.integer(1)),
          read.text(2),
          read.text(3),
          read.text(4),
          read.text(5),
          read.text(6),
          database_->metrics("objective"),
          database_->metrics("recorded"),
          database_->bounds(),
          database_->settings(),
          database_->fingerprints()};
}

void StudyFile::set_bounds(const std::vector<ObjectiveBounds>& bounds) {
  Database::WriteTransaction transaction(*database_);
  database_->replace_bounds(bounds);
  transaction.commit();
}

void StudyFile::record(const Facts& settings, const Fingerprints& fingerprints) {
  Database::WriteTransaction transaction(*database_);
  database_->insert_facts(settings, fingerprints);
  transaction.commit();
}

std::vector<Trial> StudyFile::trials() const {
  const auto lock = database_->lock();
  const Connection& connection = database_->connection;
  auto trials = read_all(
      connection,
      "SELECT t.number, a.key, a.genome, t.fidelity, t.state, t.error, t.generation, t.worker, "
      "t.wall_s "
      "FROM trial t JOIN architecture a ON a.id = t.architecture ORDER BY t.number",
      [&](Statement& row) {
        Trial trial;
        trial.number = row.integer(0);
        trial.architecture = database_->architecture(row.text(1));
        trial.genome = database_->genome(row.text(2));
        trial.fidelity = row.text(3);
        trial.state = database_->state(row.text(4));
        trial.error = row.text(5);
        trial.generation = row.integer(6);
        trial.worker = static_cast<int32_t>(row.integer(7));
        trial.wall_s = row.real(8);
        return trial;
      });
  Statement values(connection,
                   "SELECT v.trial, m.name, v.value FROM value v JOIN metric m ON m.id = v.metric "
                   "ORDER BY v.trial");
  for (auto trial = trials.begin(); values.step();) {
    while (trial != trials.end() && trial->number != values.integer(0)) ++trial;
    if (trial == trials.end()) break;  // committed by another process after the first query
    trial->values[values.text(1)] = values.real(2);
  }
  return trials;
}

int64_t StudyFile::trial_count() const {
  const auto lock = database_->lock();
  Statement count(database_->connection, "SELECT count(*) FROM trial");
  count.step();
  return count.integer(0);
}

void StudyFile::add_artefact(const Artefact& artefact) {
  Database::WriteTransaction transaction(*database_);
  Statement(database_->connection, "INSERT OR REPLACE INTO artefact VALUES(?, ?, ?)")
      .bind(artefact.name, artefact.path, artefact.sha256)
      .run();
  transaction.commit();
}

std::vector<Artefact> StudyFile::artefacts() const {
  const auto lock = database_->lock();
  return read_all(database_->connection, "SELECT name, path, sha256 FROM artefact ORDER BY name",
                  [](Statement& row) { return Artefact{row.text(0), row.text(1), row.text(2)}; });
}

}  // namespace concertina
