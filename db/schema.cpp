#include "db/schema.h"

#include <fmt/format.h>

#include <array>

#include "core/errors.h"

namespace concertina {
namespace {

// Step i brings schema i to i + 1. Steps that were released are never edited; a change is a new
// step.
struct Migration {
  const char* needs;  // the first program version that reads the result
  const char* sql;
};

constexpr std::array<Migration, 1> kMigrations = {{{"0.1.0", R"sql(
CREATE TABLE schema_version(version INTEGER NOT NULL, needs TEXT NOT NULL);
INSERT INTO schema_version VALUES(0, '');
CREATE TABLE study(
  id INTEGER PRIMARY KEY CHECK(id = 1),
  space TEXT NOT NULL, seed INTEGER NOT NULL, config TEXT NOT NULL, versions TEXT NOT NULL,
  data TEXT NOT NULL, model TEXT NOT NULL, device TEXT NOT NULL);
CREATE TABLE metric(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, direction TEXT NOT NULL, unit TEXT NOT NULL,
  role TEXT NOT NULL CHECK(role IN ('objective', 'recorded', 'other')), position INTEGER NOT NULL);
CREATE TABLE architecture(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, genome TEXT NOT NULL);
CREATE TABLE generation(
  number INTEGER PRIMARY KEY, searcher_state TEXT NOT NULL, evaluator TEXT NOT NULL, hypervolume REAL);
CREATE TABLE trial(
  number INTEGER PRIMARY KEY,
  architecture INTEGER NOT NULL REFERENCES architecture(id),
  generation INTEGER NOT NULL REFERENCES generation(number),
  fidelity TEXT NOT NULL, state TEXT NOT NULL CHECK(state IN ('complete', 'failed')), error TEXT NOT NULL,
  worker INTEGER NOT NULL, wall_s REAL NOT NULL);
CREATE INDEX trial_by_generation ON trial(generation);
CREATE INDEX trial_by_architecture ON trial(architecture);
CREATE TABLE value(
  trial INTEGER NOT NULL REFERENCES trial(number), metric INTEGER NOT NULL REFERENCES metric(id), value REAL,
  PRIMARY KEY(trial, metric)) WITHOUT ROWID;
CREATE INDEX value_by_metric ON value(metric, value, trial);
CREATE TABLE front(
  position INTEGER PRIMARY KEY, architecture INTEGER NOT NULL UNIQUE REFERENCES architecture(id));
CREATE TABLE front_value(
  position INTEGER NOT NULL REFERENCES front(position), metric INTEGER NOT NULL REFERENCES metric(id), value REAL,
  PRIMARY KEY(position, metric)) WITHOUT ROWID;
CREATE TABLE latency_point(
  id INTEGER PRIMARY KEY, architecture INTEGER NOT NULL REFERENCES architecture(id),
  device TEXT NOT NULL, threads INTEGER NOT NULL, seconds REAL NOT NULL, dtype TEXT NOT NULL,
  n INTEGER NOT NULL, mean_ms REAL, p50_ms REAL, p95_ms REAL, spread_ms REAL);
CREATE TABLE latency_model(id INTEGER PRIMARY KEY CHECK(id = 1), json TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE artefact(name TEXT PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID;
)sql"}}};

bool has_study_tables(const Connection& connection) {
  Statement count(connection,
                  "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN "
                  "('schema_version', 'study')");
  count.step();
  return count.integer(0) == 2;
}

}  // namespace

int64_t latest_schema() { return static_cast<int64_t>(kMigrations.size()); }

int64_t check_schema(const Connection& connection) {
  const std::string name = connection.path().string();
  if (!has_study_tables(connection)) {
    throw InputError(fmt::format("{} holds no Concertina study (its tables are missing)", name));
  }
  Statement read(connection, "SELECT version, needs FROM schema_version");
  if (!read.step())
    throw InputError(fmt::format("{} holds no schema version: it is damaged", name));
  const int64_t version = read.integer(0);
  if (version < 1)
    throw InputError(fmt::format("{} is a damaged study: its schema is {}", name, version));
  if (version > latest_schema()) {
    throw InputError(fmt::format(
        "{} needs Concertina {} or newer (its schema is {}, this program reads up to {})", name,
        read.text(1), version, latest_schema()));
  }
  return version;
}

void migrate_schema(const Connection& connection, int64_t from) {
  if (from >= latest_schema()) return;
  Transaction transaction(connection);
  for (auto step = static_cast<size_t>(from); step < kMigrations.size(); ++step)
    connection.execute(kMigrations[step].sql);
  Statement(connection, "UPDATE schema_version SET version = ?, needs = ?")
      .bind(latest_schema(), std::string_view(kMigrations.back().needs))
      .run();
  transaction.commit();
}

}  // namespace concertina
