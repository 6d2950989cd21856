// A made-up study of very many trials, written by SQL, for tests of the cost of queries.
#pragma once

#include <sqlite3.h>

#include "tests/study/studies.h"

namespace concertina {

// `count` different subnets of a space like pocket's; the loss decreases with size, with noise.
inline StudyFile made_up_study(const std::filesystem::path& path, int64_t count) {
  StudyHeader header = small_header();
  header.objectives = {{"distill.l1", Direction::kMinimise, ""},
                       {"params", Direction::kMinimise, "params"}};
  header.recorded = {{"latency.pred_ms", Direction::kMinimise, "ms"}};
  StudyFile::create(path, header);
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  const std::string n = std::to_string(count);
  const std::string numbers =
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < " + n + ") ";
  const std::string noise = "((i * 7919) % 1000 / 1000.0)";
  const std::string values =
      numbers +
      "INSERT INTO value(trial, metric, value) SELECT i, (SELECT id FROM metric WHERE name = ";
  const std::string sql =
      "BEGIN; INSERT INTO generation(number, searcher_state, evaluator, hypervolume) VALUES(0, "
      "'{}', 'made up', 0.5);" +
      numbers +
      "INSERT INTO architecture(id, key, genome) SELECT i + 1, 'e=' || (96 + i / 50000) || ' "
      "p=20000 "
      "L=0-3:2x' || (100 + i % 50000), '' FROM n;" +
      numbers +
      "INSERT INTO trial(number, architecture, generation, fidelity, state, error, worker, wall_s) "
      "SELECT i, i + 1, 0, 'full', 'complete', '', 0, 0.1 FROM n;" +
      values + "'params'), 1e5 + i FROM n;" + values + "'latency.pred_ms'), 1 + i * 1e-4 FROM n;" +
      values + "'distill.l1'), 1.0 / (1 + i * 1e-5) + 0.2 * " + noise + " FROM n; COMMIT;";
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
  sqlite3_close(db);
  return StudyFile::open(path);
}

// How many statements that contain `text` SQLite ran during `action`.
template <class Action>
int64_t statements_with(const std::string& text, const Action& action) {
  struct Count {
    std::string text;
    int64_t seen = 0;
  };
  static Count count;
  count = {text, 0};
  const auto on_open = +[](sqlite3* db, const char**, const sqlite3_api_routines*) -> int {
    const auto on_statement = +[](unsigned, void*, void* statement, void*) -> int {
      const char* sql = sqlite3_sql(static_cast<sqlite3_stmt*>(statement));
      if (std::string(sql).find(count.text) != std::string::npos) ++count.seen;
      return 0;
    };
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_statement, nullptr);
  };
  const auto entry = reinterpret_cast<void (*)()>(on_open);
  sqlite3_auto_extension(entry);
  action();
  sqlite3_cancel_auto_extension(entry);
  return count.seen;
}

}  // namespace concertina
