#include "study/database.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "core/errors.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

// The registry takes precedence over what a caller or an older file says.
MetricInfo registered(MetricInfo metric) {
  const Metric* known = find_metric(metric.name);
  return known == nullptr ? std::move(metric) : known->info();
}

}  // namespace

std::string genome_text(const Genome& genome) { return fmt::format("{}", fmt::join(genome, ",")); }

StudyFile::Database::Database(Connection opened, OpenMode mode)
    : connection(std::move(opened)), writable(mode != OpenMode::kReadOnly) {}

// Folds the WAL into the file. While another process reads, SQLite keeps the WAL, which is as safe.
StudyFile::Database::~Database() {
  if (!writable) return;
  try {
    connection.execute(fmt::format("PRAGMA busy_timeout = 0; {}", kFoldWal));
  } catch (const Error&) {
    // On purpose: the file is complete with its WAL, and destructors do not throw.
  }
}

void StudyFile::Database::fail_damaged(const std::string& what) const {
  throw InputError(fmt::format("{} is a damaged study: {}", connection.path().string(), what));
}

Architecture StudyFile::Database::architecture(const std::string& key) {
  try {
    return Architecture::parse(key, conv_layers());
  } catch (const InputError& error) {
    fail_damaged(error.what());
  }
}

Genome StudyFile::Database::genome(std::string_view text) const {
  Genome genome;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    int32_t gene = 0;
    const auto result = std::from_chars(at, end, gene);
    if (result.ec != std::errc())
      fail_damaged(fmt::format("'{}' is no genome", text.substr(0, 80)));
    genome.push_back(gene);
    at = result.ptr + 1;
  }
  return genome;
}

TrialState StudyFile::Database::state(const std::string& name) const {
  if (name == state_name(TrialState::kComplete)) return TrialState::kComplete;
  if (name == state_name(TrialState::kFailed)) return TrialState::kFailed;
  fail_damaged(fmt::format("a trial's state is '{}'", name));
}

const Connection& StudyFile::Database::writable_connection() const {
  if (!writable)
    throw SystemError(fmt::format("{} was opened for reading only", connection.path().string()));
  return connection;
}

int32_t StudyFile::Database::conv_layers() {
  if (conv_layers_cache == 0) {
    Statement read(connection, "SELECT space FROM study");
    read.step();
    try {
      const SearchSpace space = search_space_from_json(read.text(0));
      conv_layers_cache =
          std::max<int32_t>(1, static_cast<int32_t>(space.blueprint().wave.layers.size()));
    } catch (const InputError& error) {
      fail_damaged(error.what());
    }
  }
  return conv_layers_cache;
}

int64_t StudyFile::Database::architecture_id(const Architecture& architecture,
                                             const Genome& genome) {
  const std::string key = architecture.key();
  Statement(
      connection,
      "INSERT INTO architecture(key, genome) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET genome = "
      "excluded.genome WHERE genome = ''")
      .bind(key, genome_text(genome))
      .run();
  Statement find(connection, "SELECT id FROM architecture WHERE key = ?");
  find.bind(key).step();
  return find.integer(0);
}

int64_t StudyFile::Database::metric_id(const std::string& name) {
  Statement find(connection, "SELECT id FROM metric WHERE name = ?");
  if (find.bind(name).step()) return find.integer(0);
  const Metric* known = find_metric(name);
  insert_metric(name, known == nullptr ? "unknown" : direction_name(known->direction),
                known == nullptr ? "" : known->unit, "other", 0);
  find.bind(name).step();
  return find.integer(0);
}

void StudyFile::Database::insert_metric(std::string_view name, std::string_view direction,
                                        std::string_view unit, std::string_view role,
                                        int64_t position) {
  // Of a metric that is both an objective and recorded the first role stays.
  Statement(
      connection,
      "INSERT OR IGNORE INTO metric(name, direction, unit, role, position) VALUES(?, ?, ?, ?, ?)")
      .bind(name, direction, unit, role, position)
      .run();
}

void StudyFile::Database::add_metrics(const std::vector<MetricInfo>& metrics,
                                      std::string_view role) {
  for (size_t i = 0; i < metrics.size(); ++i) {
    const MetricInfo metric = registered(metrics[i]);
    insert_metric(metric.name, direction_name(metric.direction), metric.unit, role,
                  static_cast<int64_t>(i));
  }
}

std::vector<MetricInfo> StudyFile::Database::metrics(std::string_view role) {
  std::vector<MetricInfo> found;
  Statement read(connection,
                 "SELECT name, direction, unit FROM metric WHERE role = ? ORDER BY position, name");
  read.bind(role);
  while (read.step()) {
    const std::string way = read.text(1);
    if (way != "maximise" && way != "minimise" && way != "unknown")
      fail_damaged(fmt::format("the direction of {} is '{}'", read.text(0), way));
    found.push_back(
        registered({read.text(0), way == "maximise" ? Direction::kMaximise : Direction::kMinimise,
                    read.text(2)}));
  }
  return found;
}

void StudyFile::Database::insert_header(const StudyHeader& header) {
  Transaction transaction(connection);
  Statement(connection, "INSERT INTO study VALUES(1, ?, ?, ?, ?, ?, ?, ?)")
      .bind(header.space_json, static_cast<int64_t>(header.seed), header.config, header.versions,
            header.data, header.model, header.device)
      .run();
  add_metrics(header.objectives, "objective");
  add_metrics(header.recorded, "recorded");
  replace_bounds(header.bounds);
  insert_facts(header.settings, header.fingerprints);
  transaction.commit();
}

void StudyFile::Database::replace_bounds(const std::vector<ObjectiveBounds>& bounds) {
  connection.execute("DELETE FROM objective_bound");
  Statement insert(connection, "INSERT INTO objective_bound VALUES(?, ?, ?)");
  for (const auto& [metric, low, high] : bounds) insert.bind(metric_id(metric), low, high).run();
}

std::vector<ObjectiveBounds> StudyFile::Database::bounds() {
  std::vector<ObjectiveBounds> found;
  Statement read(connection,
                 "SELECT m.name, b.low, b.high FROM objective_bound b JOIN metric m ON m.id = "
                 "b.metric ORDER BY m.position");
  while (read.step()) found.push_back({read.text(0), read.real(1), read.real(2)});
  return found;
}

void StudyFile::Database::insert_facts(const Facts& settings, const Fingerprints& fingerprints) {
  Statement setting(connection, "INSERT OR IGNORE INTO setting VALUES(?, ?)");
  for (const auto& [name, value] : settings) setting.bind(name, value).run();
  // Replaced only while the study has no trials: later, record() comes after the comparison.
  Statement fact(connection, "INSERT OR REPLACE INTO fingerprint VALUES(?, ?, ?)");
  for (const auto& [metric, facts] : fingerprints) {
    for (const auto& [name, value] : facts) fact.bind(metric_id(metric), name, value).run();
  }
}

Facts StudyFile::Database::settings() {
  Facts settings;
  Statement read(connection, "SELECT name, value FROM setting");
  while (read.step()) settings[read.text(0)] = read.text(1);
  return settings;
}

Fingerprints StudyFile::Database::fingerprints() {
  Fingerprints fingerprints;
  Statement read(
      connection,
      "SELECT m.name, f.name, f.value FROM fingerprint f JOIN metric m ON m.id = f.metric");
  while (read.step()) fingerprints[read.text(0)][read.text(1)] = read.text(2);
  return fingerprints;
}

void StudyFile::Database::insert_trial(const Trial& trial, int64_t generation) {
  Statement(connection, "INSERT INTO trial VALUES(?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(trial.number, architecture_id(trial.architecture, trial.genome), generation,
            trial.fidelity, state_name(trial.state), trial.error, trial.worker, trial.wall_s)
      .run();
  Statement insert(connection, "INSERT INTO value VALUES(?, ?, ?)");
  for (const auto& [name, value] : trial.values)
    insert.bind(trial.number, metric_id(name), value).run();
}

}  // namespace concertina
