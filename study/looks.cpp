// What is added to a study after the search: looks at test, fresh times and how they compare with
// the latency model.
#include <map>

#include "study/database.h"

namespace concertina {
namespace {

using Guard = std::lock_guard<std::mutex>;

int64_t last_row(const Connection& connection) {
  Statement last(connection, "SELECT last_insert_rowid()");
  last.step();
  return last.integer(0);
}

}  // namespace

void StudyFile::add_look(const TestLook& look) {
  const Guard guard(database_->mutex);
  database_->require_writable();
  const Connection& connection = database_->connection;
  Transaction transaction(connection);
  Statement(connection, "INSERT INTO look VALUES(NULL, ?, ?, ?)")
      .bind(look.date, look.scored_with, look.fingerprint)
      .run();
  const int64_t id = last_row(connection);
  Statement add_member(connection, "INSERT INTO look_member VALUES(NULL, ?, ?)");
  Statement add_score(connection, "INSERT INTO look_score VALUES(?, ?, ?, ?, ?, ?)");
  for (const FrontScore& member : look.members) {
    add_member.bind(id, database_->architecture_id(member.architecture)).run();
    const int64_t row = last_row(connection);
    for (const auto& [name, score] : member.scores) {
      add_score
          .bind(row, database_->metric_id(name), score.value, score.low, score.high, score.setting)
          .run();
    }
  }
  transaction.commit();
}

std::vector<TestLook> StudyFile::looks() const {
  const Guard guard(database_->mutex);
  const Connection& connection = database_->connection;
  std::vector<TestLook> looks;
  std::map<int64_t, size_t> place;
  Statement read(connection, "SELECT id, date, scored_with, fingerprint FROM look ORDER BY id");
  while (read.step()) {
    place[read.integer(0)] = looks.size();
    looks.push_back({read.text(1), read.text(2), read.text(3), {}});
  }
  Statement members(
      connection,
      "SELECT m.look, m.id, a.key FROM look_member m JOIN architecture a ON a.id = m.architecture "
      "ORDER BY m.id");
  std::map<int64_t, std::pair<size_t, size_t>> member_place;
  while (members.step()) {
    const auto look = place.find(members.integer(0));
    if (look == place.end()) continue;  // committed by another process after the first query
    std::vector<FrontScore>& rows = looks[look->second].members;
    member_place[members.integer(1)] = {look->second, rows.size()};
    rows.push_back({database_->architecture(members.text(2)), {}});
  }
  Statement scores(
      connection,
      "SELECT s.member, m.name, s.value, s.low, s.high, s.setting FROM look_score s JOIN metric m "
      "ON m.id = s.metric");
  while (scores.step()) {
    const auto at = member_place.find(scores.integer(0));
    if (at == member_place.end()) continue;
    const auto [look, member] = at->second;
    looks[look].members[member].scores[scores.text(1)] = {scores.real(2), scores.real(3),
                                                          scores.real(4), scores.text(5)};
  }
  return looks;
}

std::vector<TestLook> StudyFile::dumped_looks(bool with_times) const {
  std::vector<TestLook> all = looks();
  if (!with_times && all.size() > 1) all.resize(1);
  return all;
}

void StudyFile::add_fresh_times(const std::vector<FreshTime>& times) {
  const Guard guard(database_->mutex);
  database_->require_writable();
  Transaction transaction(database_->connection);
  Statement insert(database_->connection,
                   "INSERT INTO fresh_time VALUES(NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const auto& [date, p] : times) {
    insert
        .bind(date, database_->architecture_id(p.architecture), p.device, p.threads, p.seconds,
              p.dtype, p.n, p.mean_ms, p.p50_ms, p.p95_ms, p.spread_ms)
        .run();
  }
  transaction.commit();
}

std::vector<FreshTime> StudyFile::fresh_times() const {
  const Guard guard(database_->mutex);
  std::vector<FreshTime> times;
  Statement row(database_->connection,
                "SELECT f.date, a.key, f.device, f.threads, f.seconds, f.dtype, f.n, f.mean_ms, "
                "f.p50_ms, f.p95_ms, f.spread_ms "
                "FROM fresh_time f JOIN architecture a ON a.id = f.architecture ORDER BY f.id");
  while (row.step()) {
    times.push_back({row.text(0),
                     {database_->architecture(row.text(1)), row.text(2),
                      static_cast<int32_t>(row.integer(3)), row.real(4), row.text(5),
                      static_cast<int32_t>(row.integer(6)), row.real(7), row.real(8), row.real(9),
                      row.real(10)}});
  }
  return times;
}

void StudyFile::add_latency_check(const LatencyCheck& check) {
  const Guard guard(database_->mutex);
  database_->require_writable();
  Statement(database_->connection, "INSERT INTO latency_check VALUES(NULL, ?, ?, ?, ?)")
      .bind(check.date, check.times, check.outside, check.scale)
      .run();
}

std::vector<LatencyCheck> StudyFile::latency_checks() const {
  const Guard guard(database_->mutex);
  std::vector<LatencyCheck> checks;
  Statement row(database_->connection,
                "SELECT date, times, outside, scale FROM latency_check ORDER BY id");
  while (row.step())
    checks.push_back({row.text(0), row.integer(1), row.integer(2), row.real(3)});
  return checks;
}

}  // namespace concertina
