// The generations of a study.
#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "study/database.h"

namespace concertina {
namespace {

constexpr std::string_view kSelectGeneration =
    "SELECT number, searcher_state, evaluator, hypervolume FROM generation ";

GenerationRecord read_generation(Statement& row) {
  return {row.integer(0), row.text(1), row.text(2), row.real(3)};
}

[[noreturn]] void fail_written_meanwhile(const Connection& connection, const std::string& found) {
  throw SystemError(fmt::format("{} was written by another process meanwhile ({})",
                                connection.path().string(), found));
}

void insert_generation(const Connection& connection, const GenerationRecord& generation,
                       bool ended) {
  Statement next(connection, "SELECT coalesce(max(number), -1) + 1 FROM generation");
  next.step();
  if (next.integer(0) != generation.number) {
    fail_written_meanwhile(connection, fmt::format("generation {} is next, not {}", next.integer(0),
                                                   generation.number));
  }
  Statement(connection,
            "INSERT INTO generation(number, searcher_state, evaluator, hypervolume, ended) "
            "VALUES(?, ?, ?, ?, ?)")
      .bind(generation.number, generation.searcher_state, generation.evaluator,
            generation.hypervolume, int64_t{ended})
      .run();
}

void fail_if_present(const Connection& connection, const std::vector<Trial>& trials) {
  Statement find(connection, "SELECT 1 FROM trial WHERE number = ?");
  for (const Trial& trial : trials) {
    if (find.bind(trial.number).step())
      fail_written_meanwhile(connection, fmt::format("trial {} exists", trial.number));
  }
}

}  // namespace

int64_t StudyFile::Database::pending_number() {
  Statement read(connection, "SELECT number FROM generation WHERE ended = 0");
  return read.step() ? read.integer(0) : -1;
}

void StudyFile::begin_generation(const GenerationRecord& generation,
                                 const std::vector<Proposal>& proposals) {
  Database::WriteTransaction transaction(*database_);
  const Connection& connection = database_->connection;
  insert_generation(connection, generation, /*ended=*/false);
  Statement insert(connection, "INSERT INTO proposal VALUES(?, ?, ?)");
  for (const Proposal& p : proposals)
    insert.bind(p.number, database_->architecture_id(p.architecture, p.genome), p.fidelity).run();
  transaction.commit();
}

void StudyFile::add_trials(const std::vector<Trial>& trials) {
  Database::WriteTransaction transaction(*database_);
  fail_if_present(database_->connection, trials);
  const int64_t pending = database_->pending_number();
  for (const Trial& trial : trials) {
    if (trial.generation != pending)
      fail_written_meanwhile(database_->connection,
                             fmt::format("generation {} is not open", trial.generation));
    database_->insert_trial(trial, pending);
  }
  transaction.commit();
}

void StudyFile::end_generation(const GenerationRecord& generation) {
  Database::WriteTransaction transaction(*database_);
  const Connection& connection = database_->connection;
  if (database_->pending_number() != generation.number)
    fail_written_meanwhile(connection, fmt::format("generation {} is not open", generation.number));
  Statement(connection,
            "UPDATE generation SET searcher_state = ?, evaluator = ?, hypervolume = ?, ended = 1 "
            "WHERE number = ?")
      .bind(generation.searcher_state, generation.evaluator, generation.hypervolume,
            generation.number)
      .run();
  connection.execute("DELETE FROM proposal");
  transaction.commit();
}

void StudyFile::drop_generation() {
  Database::WriteTransaction transaction(*database_);
  database_->connection.execute(
      "DELETE FROM value WHERE trial IN (SELECT t.number FROM trial t JOIN generation g ON "
      "g.number = t.generation WHERE g.ended = 0);"
      "DELETE FROM trial WHERE generation IN (SELECT number FROM generation WHERE ended = 0);"
      "DELETE FROM proposal; DELETE FROM generation WHERE ended = 0");
  transaction.commit();
}

void StudyFile::commit_generation(const std::vector<Trial>& trials,
                                  const GenerationRecord& generation) {
  Database::WriteTransaction transaction(*database_);
  insert_generation(database_->connection, generation, /*ended=*/true);
  for (const Trial& trial : trials) database_->insert_trial(trial, generation.number);
  transaction.commit();
}

std::optional<PendingGeneration> StudyFile::pending_generation() const {
  const auto lock = database_->lock();
  const Connection& connection = database_->connection;
  Statement read(connection, fmt::format("{}WHERE ended = 0", kSelectGeneration));
  if (!read.step()) return std::nullopt;
  PendingGeneration pending{read_generation(read), {}};
  pending.proposals =
      read_all(connection,
               "SELECT p.number, a.key, a.genome, p.fidelity FROM proposal p "
               "JOIN architecture a ON a.id = p.architecture ORDER BY p.number",
               [&](Statement& row) {
                 return Proposal{row.integer(0), database_->architecture(row.text(1)),
                                 database_->genome(row.text(2)), row.text(3)};
               });
  return pending;
}

std::optional<GenerationRecord> StudyFile::last_generation() const {
  const auto lock = database_->lock();
  Statement read(database_->connection,
                 fmt::format("{}WHERE ended = 1 ORDER BY number DESC LIMIT 1", kSelectGeneration));
  if (!read.step()) return std::nullopt;
  return read_generation(read);
}

std::vector<GenerationRecord> StudyFile::generations() const {
  const auto lock = database_->lock();
  return read_all(database_->connection,
                  fmt::format("{}WHERE ended = 1 ORDER BY number", kSelectGeneration),
                  read_generation);
}

}  // namespace concertina
