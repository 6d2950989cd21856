#include "db/schema.h"

#include <fmt/format.h>

#include <array>

#include "core/errors.h"

namespace concertina {
namespace {

// The study, its trials and latencies, and the front.
constexpr const char* kToSchema1 = R"sql(
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
)sql";

// The bounds of hypervolume.
constexpr const char* kToSchema2 = R"sql(
CREATE TABLE objective_bound(
  metric INTEGER PRIMARY KEY REFERENCES metric(id), low REAL NOT NULL, high REAL NOT NULL);
)sql";

// The proposals of a generation that is not ended: trials are written as they end.
constexpr const char* kToSchema3 = R"sql(
ALTER TABLE generation ADD COLUMN ended INTEGER NOT NULL DEFAULT 1 CHECK(ended IN (0, 1));
CREATE TABLE proposal(
  number INTEGER PRIMARY KEY, architecture INTEGER NOT NULL REFERENCES architecture(id), fidelity TEXT NOT NULL);
)sql";

// The settings of a search, and what the values of each metric depend on.
constexpr const char* kToSchema4 = R"sql(
CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE fingerprint(
  metric INTEGER NOT NULL REFERENCES metric(id), name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY(metric, name)) WITHOUT ROWID;
)sql";

// Looks at test with intervals, settings and a date, and fresh times with their workload, replace the
// front. What schema 1 knew of it becomes one look without a date.
constexpr const char* kToSchema5 = R"sql(
CREATE TABLE look(
  id INTEGER PRIMARY KEY, date TEXT NOT NULL, scored_with TEXT NOT NULL, fingerprint TEXT NOT NULL);
CREATE TABLE look_member(
  id INTEGER PRIMARY KEY, look INTEGER NOT NULL REFERENCES look(id),
  architecture INTEGER NOT NULL REFERENCES architecture(id), UNIQUE(look, architecture));
CREATE TABLE look_score(
  member INTEGER NOT NULL REFERENCES look_member(id), metric INTEGER NOT NULL REFERENCES metric(id),
  value REAL, low REAL, high REAL, setting TEXT NOT NULL, PRIMARY KEY(member, metric)) WITHOUT ROWID;
CREATE TABLE fresh_time(
  id INTEGER PRIMARY KEY, date TEXT NOT NULL, architecture INTEGER NOT NULL REFERENCES architecture(id),
  device TEXT NOT NULL, threads INTEGER NOT NULL, seconds REAL NOT NULL, dtype TEXT NOT NULL,
  n INTEGER NOT NULL, mean_ms REAL, p50_ms REAL, p95_ms REAL, spread_ms REAL);
CREATE TABLE latency_check(
  id INTEGER PRIMARY KEY, date TEXT NOT NULL, times INTEGER NOT NULL, outside INTEGER NOT NULL, scale REAL NOT NULL);
INSERT INTO look SELECT 1, '', '', '' WHERE EXISTS (SELECT 1 FROM front);
INSERT INTO look_member SELECT position + 1, 1, architecture FROM front;
INSERT INTO look_score SELECT v.position + 1, v.metric, v.value, NULL, NULL, ''
  FROM front_value v JOIN metric m ON m.id = v.metric WHERE m.name NOT LIKE 'latency.%';
INSERT INTO fresh_time SELECT NULL, '', f.architecture, '', 0, 0, '', 0, NULL, v.value, NULL, NULL
  FROM front f JOIN front_value v ON v.position = f.position JOIN metric m ON m.id = v.metric
  WHERE m.name = 'latency.p50_ms' ORDER BY f.position;
DROP TABLE front_value;
DROP TABLE front;
)sql";

// Step i migrates schema i to i + 1. Steps that were released are never edited; a change is a new
// step.
struct Migration {
  const char* needs;  // the first program version that reads the result
  const char* sql;
};

constexpr std::array<Migration, 5> kMigrations = {{{"0.1.0", kToSchema1},
                                                   {"0.1.0", kToSchema2},
                                                   {"0.1.0", kToSchema3},
                                                   {"0.1.0", kToSchema4},
                                                   {"0.1.0", kToSchema5}}};

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

void migrate_schema(const Connection& connection, int64_t from, int64_t to) {
  if (from >= to) return;
  Transaction transaction(connection);
  for (int64_t step = from; step < to; ++step)
    connection.execute(kMigrations[static_cast<size_t>(step)].sql);
  Statement(connection, "UPDATE schema_version SET version = ?, needs = ?")
      .bind(to, std::string_view(kMigrations[static_cast<size_t>(to - 1)].needs))
      .run();
  transaction.commit();
}

}  // namespace concertina
