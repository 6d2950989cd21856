#include "study/study_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "core/files.h"
#include "study/database.h"
#include "db/schema.h"

namespace concertina {
namespace {

constexpr const char* kFoldWal = "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE";

std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix) {
  return path += suffix;
}

std::filesystem::path aside(const std::filesystem::path& path) {
  return path.parent_path() / fmt::format(".{}.tmp", path.filename().string());
}

bool holds_bytes(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return !error && size > 0;
}

}  // namespace

std::optional<MetricInfo> metric_info(const StudyHeader& header, std::string_view name) {
  if (const Metric* known = find_metric(name)) return known->info();
  for (const auto* metrics : {&header.objectives, &header.recorded}) {
    const auto found = std::ranges::find(*metrics, without_split(name), &MetricInfo::name);
    if (found != metrics->end()) return *found;
  }
  return std::nullopt;
}

StudyFile::Database::Database(Connection opened, OpenMode mode)
    : connection(std::move(opened)), writable(mode != OpenMode::kReadOnly) {}

// Leaves one plain file behind. While someone else reads, SQLite keeps the WAL instead, which is as
// safe.
StudyFile::Database::~Database() {
  if (!writable) return;
  try {
    connection.execute(std::string("PRAGMA busy_timeout = 0; ") + kFoldWal);
  } catch (
      const Error&) {  // On purpose: the file is whole with its WAL, and destructors keep quiet
  }
}

StudyFile::StudyFile(std::unique_ptr<Database> database) : database_(std::move(database)) {}
StudyFile::StudyFile(StudyFile&&) noexcept = default;
StudyFile& StudyFile::operator=(StudyFile&&) noexcept = default;
StudyFile::~StudyFile() = default;

StudyFile StudyFile::create(const std::filesystem::path& path, const StudyHeader& header) {
  if (std::filesystem::exists(path))
    throw InputError(
        fmt::format("{} exists already; resume it or name another file", path.string()));
  const std::filesystem::path unfinished = aside(path);
  std::error_code ignored;
  std::filesystem::remove(unfinished, ignored);  // of a process that was killed here
  try {
    Database database(Connection(unfinished, OpenMode::kCreate), OpenMode::kCreate);
    database.connection.execute("PRAGMA journal_mode = MEMORY");  // no side file to leave behind
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
  const Guard guard(database_->mutex);
  Statement read(database_->connection,
                 "SELECT space, seed, config, versions, data, model, device FROM study");
  if (!read.step())
    throw InputError(fmt::format("{} holds an empty study: it is damaged",
                                 database_->connection.path().string()));
  database_->conv_layers();  // its space can be read
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
  const Guard guard(database_->mutex);
  database_->require_writable();
  Transaction transaction(database_->connection);
  database_->replace_bounds(bounds);
  transaction.commit();
}

void StudyFile::record(const Facts& settings, const Fingerprints& fingerprints) {
  const Guard guard(database_->mutex);
  database_->require_writable();
  Transaction transaction(database_->connection);
  database_->insert_facts(settings, fingerprints);
  transaction.commit();
}

std::vector<Trial> StudyFile::trials() const {
  const Guard guard(database_->mutex);
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
  const Guard guard(database_->mutex);
  Statement count(database_->connection, "SELECT count(*) FROM trial");
  count.step();
  return count.integer(0);
}

void StudyFile::add_latency_points(const std::vector<LatencyPoint>& points) {
  const Guard guard(database_->mutex);
  database_->require_writable();
  Transaction transaction(database_->connection);
  Statement insert(database_->connection,
                   "INSERT INTO latency_point VALUES(NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const LatencyPoint& p : points) {
    insert
        .bind(database_->architecture_id(p.architecture), p.device, p.threads, p.seconds, p.dtype,
              p.n, p.mean_ms, p.p50_ms, p.p95_ms, p.spread_ms)
        .run();
  }
  transaction.commit();
}

std::vector<LatencyPoint> StudyFile::latency_points() const {
  const Guard guard(database_->mutex);
  return read_all(database_->connection,
                  "SELECT a.key, p.device, p.threads, p.seconds, p.dtype, p.n, p.mean_ms, "
                  "p.p50_ms, p.p95_ms, p.spread_ms "
                  "FROM latency_point p JOIN architecture a ON a.id = p.architecture ORDER BY p.id",
                  [&](Statement& row) {
                    return LatencyPoint{database_->architecture(row.text(0)),
                                        row.text(1),
                                        static_cast<int32_t>(row.integer(2)),
                                        row.real(3),
                                        row.text(4),
                                        static_cast<int32_t>(row.integer(5)),
                                        row.real(6),
                                        row.real(7),
                                        row.real(8),
                                        row.real(9)};
                  });
}

void StudyFile::set_latency_model(const LatencyModelRecord& model) {
  const Guard guard(database_->mutex);
  database_->require_writable();
  Statement(database_->connection, "INSERT OR REPLACE INTO latency_model VALUES(1, ?, ?)")
      .bind(model.json, model.sha256)
      .run();
}

std::optional<LatencyModelRecord> StudyFile::latency_model() const {
  const Guard guard(database_->mutex);
  Statement read(database_->connection, "SELECT json, sha256 FROM latency_model");
  if (!read.step()) return std::nullopt;
  LatencyModelRecord record{read.text(0), read.text(1)};
  if (sha256(record.json) != record.sha256)
    database_->damaged("its latency model is not the one that its hash was made of");
  return record;
}

void StudyFile::add_artefact(const Artefact& artefact) {
  const Guard guard(database_->mutex);
  database_->require_writable();
  Statement(database_->connection, "INSERT OR REPLACE INTO artefact VALUES(?, ?, ?)")
      .bind(artefact.name, artefact.path, artefact.sha256)
      .run();
}

std::vector<Artefact> StudyFile::artefacts() const {
  const Guard guard(database_->mutex);
  return read_all(database_->connection, "SELECT name, path, sha256 FROM artefact ORDER BY name",
                  [](Statement& row) { return Artefact{row.text(0), row.text(1), row.text(2)}; });
}

}  // namespace concertina
