#include "db/study_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "core/files.h"
#include "db/database.h"
#include "db/schema.h"

namespace concertina {
namespace {

using Guard = std::lock_guard<std::mutex>;

template <class Read>
auto read_all(const Connection& connection, std::string_view sql, const Read& read) {
  std::vector<decltype(read(std::declval<Statement&>()))> rows;
  Statement statement(connection, sql);
  while (statement.step()) rows.push_back(read(statement));
  return rows;
}

GenerationRecord read_generation(Statement& row) {
  return {row.integer(0), row.text(1), row.text(2), row.real(3)};
}

constexpr std::string_view kSelectGeneration =
    "SELECT number, searcher_state, evaluator, hypervolume FROM generation ";

}  // namespace

StudyFile::Database::Database(const std::filesystem::path& path, OpenMode mode)
    : connection(path, mode), writable(mode != OpenMode::kReadOnly) {}

// Leaves one plain file behind. While someone else reads, SQLite keeps the WAL instead, which is as
// safe.
StudyFile::Database::~Database() {
  if (!writable) return;
  try {
    connection.execute(
        "PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE");
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
  auto database = std::make_unique<Database>(path, OpenMode::kCreate);
  try {
    database->connection.execute("PRAGMA journal_mode = WAL");
    migrate_schema(database->connection, 0);
    database->insert_header(header);
  } catch (...) {
    database.reset();
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    throw;
  }
  return StudyFile(std::move(database));
}

StudyFile StudyFile::open(const std::filesystem::path& path) {
  auto database = std::make_unique<Database>(path, OpenMode::kReadWrite);
  const int64_t version = check_schema(database->connection);
  database->connection.execute("PRAGMA journal_mode = WAL");
  migrate_schema(database->connection, version);
  return StudyFile(std::move(database));
}

StudyFile StudyFile::open_read_only(const std::filesystem::path& path) {
  auto database = std::make_unique<Database>(path, OpenMode::kReadOnly);
  if (const int64_t version = check_schema(database->connection); version < latest_schema()) {
    throw InputError(
        fmt::format("{} has the older schema {}; open it for writing once to bring it to {}",
                    path.string(), version, latest_schema()));
  }
  return StudyFile(std::move(database));
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
          database_->metrics("recorded")};
}

void StudyFile::commit_generation(const std::vector<Trial>& trials,
                                  const GenerationRecord& generation) {
  const Guard guard(database_->mutex);
  database_->require_writable();
  const Connection& connection = database_->connection;
  Transaction transaction(connection);
  Statement next(connection, "SELECT coalesce(max(number), -1) + 1 FROM generation");
  next.step();
  if (next.integer(0) != generation.number) {
    throw SystemError(
        fmt::format("{} was written by another process meanwhile (generation {} is next, not {})",
                    connection.path().string(), next.integer(0), generation.number));
  }
  Statement(connection, "INSERT INTO generation VALUES(?, ?, ?, ?)")
      .bind(generation.number, generation.searcher_state, generation.evaluator,
            generation.hypervolume)
      .run();
  for (const Trial& trial : trials) database_->insert_trial(trial, generation.number);
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

std::optional<GenerationRecord> StudyFile::last_generation() const {
  const Guard guard(database_->mutex);
  Statement read(database_->connection,
                 std::string(kSelectGeneration) + "ORDER BY number DESC LIMIT 1");
  if (!read.step()) return std::nullopt;
  return read_generation(read);
}

std::vector<GenerationRecord> StudyFile::generations() const {
  const Guard guard(database_->mutex);
  return read_all(database_->connection, std::string(kSelectGeneration) + "ORDER BY number",
                  read_generation);
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

void StudyFile::set_front(const std::vector<FrontScore>& front) {
  const Guard guard(database_->mutex);
  database_->require_writable();
  const Connection& connection = database_->connection;
  Transaction transaction(connection);
  connection.execute("DELETE FROM front_value; DELETE FROM front");
  Statement insert(connection, "INSERT INTO front VALUES(?, ?)");
  for (size_t i = 0; i < front.size(); ++i) {
    insert.bind(static_cast<int64_t>(i), database_->architecture_id(front[i].architecture)).run();
    database_->insert_values("INSERT INTO front_value VALUES(?, ?, ?)", static_cast<int64_t>(i),
                             front[i].values);
  }
  transaction.commit();
}

std::vector<FrontScore> StudyFile::front() const {
  const Guard guard(database_->mutex);
  auto front = read_all(
      database_->connection,
      "SELECT a.key FROM front f JOIN architecture a ON a.id = f.architecture ORDER BY f.position",
      [&](Statement& row) { return FrontScore{database_->architecture(row.text(0)), {}}; });
  Statement values(
      database_->connection,
      "SELECT v.position, m.name, v.value FROM front_value v JOIN metric m ON m.id = v.metric");
  while (values.step()) {
    const auto position = static_cast<size_t>(values.integer(0));
    if (position < front.size()) front[position].values[values.text(1)] = values.real(2);
  }
  return front;
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
