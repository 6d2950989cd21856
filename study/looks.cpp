#include <map>

#include "study/database.h"

namespace concertina {
namespace {

int64_t last_row(const Connection& connection) {
  Statement last(connection, "SELECT last_insert_rowid()");
  last.step();
  return last.integer(0);
}

}  // namespace

void StudyFile::add_look(const TestLook& look) {
  Database::WriteTransaction transaction(*database_);
  const Connection& connection = database_->connection;
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
  const auto lock = database_->lock();
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

}  // namespace concertina
