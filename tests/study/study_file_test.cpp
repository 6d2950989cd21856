#include "study/study_file.h"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "core/hash.h"
#include "db/schema.h"
#include "db/sqlite.h"
#include "supernet/space/search_space_config.h"
#include "tests/study/studies.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(StudyFile, HeaderComesBackWhole) {
  const Folder folder;
  const StudyHeader written = small_header();
  StudyFile::create(folder / "s.db", written);
  const StudyHeader read = StudyFile::open_read_only(folder / "s.db").header();
  EXPECT_EQ(read.space_json, written.space_json);
  EXPECT_EQ(read.seed, written.seed);
  EXPECT_EQ(read.config, written.config);
  EXPECT_EQ(read.objectives, written.objectives);
  EXPECT_EQ(read.recorded, written.recorded);
}

TEST(StudyFile, TrialsComeBackToTheLastBit) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  Trial first = small_trial(0, 1, 0.1 + 0.2);
  first.values["odd"] = std::nextafter(1.0, 2.0);
  Trial failed = small_trial(1, 2, 1);
  failed.state = TrialState::kFailed;
  failed.error = "it's \"broken\"\nbadly";
  failed.values.clear();
  study.commit_generation({first, failed}, {0, "state", "scorer", 0.5});
  const std::vector<Trial> trials = study.trials();
  ASSERT_EQ(trials.size(), 2u);
  EXPECT_EQ(trials[0].architecture, first.architecture);
  EXPECT_EQ(trials[0].genome, first.genome);
  EXPECT_EQ(trials[0].values, first.values);
  EXPECT_EQ(trials[1].state, TrialState::kFailed);
  EXPECT_EQ(trials[1].error, failed.error);
  EXPECT_TRUE(trials[1].values.empty());
}

TEST(StudyFile, LastGenerationIsTheNewest) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  EXPECT_FALSE(study.last_generation());
  study.commit_generation({small_trial(0, 1, 1)}, {0, "a", "scorer", 0.5});
  study.commit_generation({small_trial(1, 2, 2)}, {1, "b", "scorer", 0.75});
  EXPECT_EQ(study.last_generation()->searcher_state, "b");
  EXPECT_EQ(study.last_generation()->evaluator, "scorer");
  EXPECT_EQ(study.generations().size(), 2u);
}

TEST(StudyFile, AFailedCommitLeavesNothing) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  study.commit_generation({small_trial(0, 1, 1)}, {0, "a", "scorer", 0});
  const std::string before = study.dump(true);
  EXPECT_THROW(
      study.commit_generation({small_trial(1, 2, 1), small_trial(1, 3, 1)}, {1, "b", "scorer", 0}),
      Error);
  EXPECT_THROW(study.commit_generation({small_trial(1, 2, 1)}, {5, "b", "scorer", 0}), SystemError);
  EXPECT_EQ(study.dump(true), before);
}

Proposal proposal_of(const Trial& trial) {
  return {trial.number, trial.architecture, trial.genome, trial.fidelity};
}

TEST(StudyFile, AGenerationIsFilledInAnyOrderAndEnded) {
  const Folder folder;
  const Trial first = small_trial(0, 1, 1), second = small_trial(1, 2, 2);
  {
    StudyFile study = StudyFile::create(folder / "s.db", small_header());
    study.begin_generation({0, "asked", "scorer", 0}, {proposal_of(first), proposal_of(second)});
    study.add_trials({second});
  }
  StudyFile study = StudyFile::open(folder / "s.db");
  EXPECT_FALSE(study.last_generation());
  ASSERT_EQ(study.trials().size(), 1u);
  EXPECT_EQ(study.trials()[0].number, 1);
  const auto pending = study.pending_generation();
  ASSERT_TRUE(pending);
  EXPECT_EQ(pending->record.searcher_state, "asked");
  ASSERT_EQ(pending->proposals.size(), 2u);
  EXPECT_EQ(pending->proposals[0].genome, first.genome);
  EXPECT_EQ(pending->proposals[0].architecture, first.architecture);
  study.add_trials({first});
  study.end_generation({0, "told", "scorer", 0.5});
  EXPECT_FALSE(study.pending_generation());
  EXPECT_EQ(study.last_generation()->searcher_state, "told");
  StudyFile at_once = StudyFile::create(folder / "at_once.db", small_header());
  at_once.commit_generation({first, second}, {0, "told", "scorer", 0.5});
  EXPECT_EQ(study.dump(false), at_once.dump(false));
}

TEST(StudyFile, AnotherWritersTrialsAreSeen) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  const Trial trial = small_trial(0, 1, 1);
  study.begin_generation({0, "asked", "scorer", 0}, {proposal_of(trial)});
  StudyFile other = StudyFile::open(folder / "s.db");
  other.add_trials({trial});
  EXPECT_THROW(study.add_trials({trial}), SystemError);
  other.end_generation({0, "told", "scorer", 0});
  EXPECT_THROW(study.end_generation({0, "told", "scorer", 0}), SystemError);
  EXPECT_THROW(study.add_trials({small_trial(1, 2, 1)}), SystemError);
  EXPECT_THROW(study.begin_generation({0, "asked", "scorer", 0}, {}), SystemError);
}

TEST(StudyFile, ADroppedGenerationLeavesTheOnesBefore) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  study.commit_generation({small_trial(0, 1, 1)}, {0, "a", "scorer", 0.5});
  const std::string before = study.dump(true);
  Trial trial = small_trial(1, 2, 2);
  trial.generation = 1;
  study.begin_generation({1, "asked", "scorer", 0}, {proposal_of(trial)});
  study.add_trials({trial});
  study.drop_generation();
  EXPECT_EQ(study.dump(true), before);
}

TEST(StudyFile, LatencyAndArtefactsComeBack) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  const Architecture architecture = pocket_space().smallest();
  study.add_latency_points({{architecture, "a CPU", 1, 4.0, "fp32", 20, 5.5, 5.25, 6.75, 0.125}});
  study.set_latency_model({"{}", sha256("{}")});
  study.add_artefact({"subnet", "out/subnet.safetensors", "00"});
  study.add_artefact({"subnet", "out/subnet.safetensors", "11"});
  ASSERT_EQ(study.latency_points().size(), 1u);
  EXPECT_EQ(study.latency_points()[0].p95_ms, 6.75);
  EXPECT_EQ(study.latency_points()[0].architecture, architecture);
  EXPECT_EQ(study.latency_model()->json, "{}");
  ASSERT_EQ(study.artefacts().size(), 1u);
  EXPECT_EQ(study.artefacts()[0].sha256, "11");
}

TEST(StudyFile, DumpWithoutTimesHidesClocksAndThreads) {
  const Folder folder;
  const auto dump = [&](const std::string& name, int32_t worker, double ms) {
    StudyFile study = StudyFile::create(folder / name, small_header());
    Trial trial = small_trial(0, 1, 1);
    trial.worker = worker;
    trial.wall_s = ms;
    study.commit_generation({trial}, {0, "a", "scorer", 0.5});
    study.add_latency_points({{trial.architecture, "a CPU", 1, 4.0, "fp32", 20, ms, ms, ms, ms}});
    TestLook look = small_look({{trial.architecture, {{"asv.eer", {31, 30, 32, "last layer"}}}}});
    look.date = name;
    study.add_look(look);
    study.add_fresh_times({small_time(trial.architecture, ms)});
    study.add_latency_check({name, 1, 1, ms});
    return std::pair(study.dump(false), study.dump(true));
  };
  const auto a = dump("a.db", 0, 1.0), b = dump("b.db", 1, 2.0);
  EXPECT_EQ(a.first, b.first);
  EXPECT_NE(a.second, b.second);
  EXPECT_THAT(a.first, HasSubstr("asv.eer=31"));
  EXPECT_THAT(a.first, HasSubstr("latency.pred_ms=1"));
  EXPECT_THAT(a.first, Not(HasSubstr("fresh_time")));
  EXPECT_THAT(a.second, HasSubstr("fresh_time date=\"2026-01-31T12:00:00Z\" architecture="));
}

std::string direction_stored(const std::filesystem::path& path, const std::string& metric) {
  sqlite3* db = nullptr;
  std::string direction;
  EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  sqlite3_exec(
      db, ("SELECT direction FROM metric WHERE name = '" + metric + "'").c_str(),
      [](void* out, int, char** row, char**) {
        *static_cast<std::string*>(out) = row[0];
        return 0;
      },
      &direction, nullptr);
  sqlite3_close(db);
  return direction;
}

TEST(StudyFile, KnownMetricsAreStoredWithTheirOwnDirection) {
  const Folder folder;
  {
    StudyFile study = StudyFile::create(folder / "s.db", small_header());
    study.add_look(small_look(
        {{pocket_space().largest(), {{"sid.acc", {85}}, {"asv.eer", {9}}, {"odd", {1}}}}}));
  }
  EXPECT_EQ(direction_stored(folder / "s.db", "sid.acc"), "maximise");
  EXPECT_EQ(direction_stored(folder / "s.db", "asv.eer"), "minimise");
  EXPECT_EQ(direction_stored(folder / "s.db", "odd"), "unknown");
}

TEST(StudyFile, AWrongDirectionOfAnOldFileIsReadRight) {
  const Folder folder;
  StudyFile::create(folder / "s.db", small_header());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "s.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "UPDATE metric SET direction = 'minimise', unit = ''", nullptr,
                         nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  EXPECT_EQ(StudyFile::open_read_only(folder / "s.db").header().recorded, small_header().recorded);
}

TEST(StudyFile, DumpAsJsonHoldsWhatTheTextHolds) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  Trial failed = small_trial(1, 2, 1);
  failed.state = TrialState::kFailed;
  failed.error = "it's \"broken\"\nbadly";
  failed.values.clear();
  study.commit_generation({small_trial(0, 1, 0.1 + 0.2), failed}, {0, "no JSON", "scorer", 0.5});
  study.add_look(small_look({{pocket_space().largest(), {{"asv.eer", {31}}}}}));
  study.add_fresh_times({small_time(pocket_space().largest(), 5)});
  const auto json = nlohmann::json::parse(study.dump_json(true));
  EXPECT_EQ(json["study"]["objectives"][0]["name"], "distill.l1");
  ASSERT_EQ(json["trials"].size(), 2u);
  EXPECT_EQ(json["trials"][0]["values"]["distill.l1"], 0.1 + 0.2);
  EXPECT_EQ(json["trials"][1]["error"], failed.error);
  EXPECT_EQ(json["generations"][0]["hypervolume"], 0.5);
  EXPECT_TRUE(json["generations"][0]["searcher"].is_null());
  EXPECT_EQ(json["looks"][0]["members"][0]["scores"]["asv.eer"]["value"], 31);
  EXPECT_EQ(json["fresh_times"][0]["p50_ms"], 5);
  const auto timeless = nlohmann::json::parse(study.dump_json(false));
  EXPECT_FALSE(timeless["trials"][0].contains("wall_s"));
  EXPECT_FALSE(timeless["looks"][0].contains("date"));
  EXPECT_FALSE(timeless.contains("fresh_times"));
}

TEST(StudyFile, IsOnePlainFileOnceClosed) {
  const Folder folder;
  {
    StudyFile study = StudyFile::create(folder / "s.db", small_header());
    study.commit_generation({small_trial(0, 1, 1)}, {0, "a", "scorer", 0});
    EXPECT_TRUE(std::filesystem::exists(folder / "s.db-wal"));
    // Readers do not wait.
    EXPECT_EQ(StudyFile::open_read_only(folder / "s.db").trials().size(), 1u);
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "s.db-wal"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(StudyFile, ACopyTakenMidWayIsReadable) {  // as after kill -9: the file and its WAL
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  study.commit_generation({small_trial(0, 1, 1)}, {0, "a", "scorer", 0});
  std::filesystem::create_directories(folder / "killed");
  for (const std::string name : {"s.db", "s.db-wal"}) {
    std::filesystem::copy_file(folder / name, folder / ("killed/" + name));
  }
  EXPECT_EQ(StudyFile::open(folder / "killed/s.db").trials().size(), 1u);
}

// Writes `name` with its trial in the WAL, as after kill -9.
void leave_killed(const Folder& folder, const std::string& name) {
  const std::string running = "running-" + name;
  StudyFile study = StudyFile::create(folder / running, small_header());
  study.commit_generation({small_trial(0, 1, 1)}, {0, "a", "scorer", 0});
  for (const std::string suffix : {"", "-wal"})
    std::filesystem::copy_file(folder / (running + suffix), folder / (name + suffix));
}

TEST(StudyFile, MovingAKilledStudyTakesItsWalAlong) {
  const Folder folder;
  leave_killed(folder, "s.db");
  StudyFile::move(folder / "s.db", folder / "kept.db");
  EXPECT_EQ(StudyFile::open_read_only(folder / "kept.db").trials().size(), 1u);
  for (const std::string name : {"s.db", "s.db-wal", "s.db-shm", "kept.db-wal"})
    EXPECT_FALSE(std::filesystem::exists(folder / name)) << name;
  StudyFile::create(folder / "s.db", small_header());
  EXPECT_TRUE(StudyFile::open_read_only(folder / "s.db").trials().empty());
}

TEST(StudyFile, TheTemporaryFileOfAKilledCreateIsReplaced) {
  const Folder folder;
  std::ofstream(folder / ".s.db.tmp") << "half a file";
  StudyFile::create(folder / "s.db", small_header());
  EXPECT_TRUE(StudyFile::open_read_only(folder / "s.db").trials().empty());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(StudyFile, AStudyInUseIsNotMoved) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  study.commit_generation({small_trial(0, 1, 1)}, {0, "a", "scorer", 0});
  EXPECT_THROW(StudyFile::move(folder / "s.db", folder / "kept.db"), SystemError);
  EXPECT_FALSE(std::filesystem::exists(folder / "kept.db"));
  EXPECT_EQ(study.trials().size(), 1u);
}

TEST(StudyFile, OlderSchemasAreReadAndMigrated) {
  const Folder folder;
  {
    const Connection connection(folder / "s.db", OpenMode::kCreate);
    migrate_schema(connection, 0, 1);
    Statement(connection, "INSERT INTO study VALUES(1, ?, 1, '', '', '', '', '')")
        .bind(json_of(pocket_space()))
        .run();
    Statement(connection, "INSERT INTO architecture VALUES(1, ?, '0,0')")
        .bind(pocket_space().smallest().key())
        .run();
    connection.execute(
        "INSERT INTO generation VALUES(0, 'state', 'scorer', 0.5);"
        "INSERT INTO trial VALUES(0, 1, 0, 'full', 'complete', '', 0, 1)");
  }
  const std::string bytes = read_text(folder / "s.db");
  const std::string dump = StudyFile::open_read_only(folder / "s.db").dump(true);
  EXPECT_THAT(dump, HasSubstr("generation 0 hypervolume=0.5"));
  EXPECT_EQ(read_text(folder / "s.db"), bytes);  // reading does not write
  EXPECT_EQ(StudyFile::open(folder / "s.db").dump(true), dump);
  EXPECT_EQ(StudyFile::open(folder / "s.db").last_generation()->searcher_state, "state");
}

// Written by version 0.1, with the dump that it printed.
TEST(StudyFile, AFileOfVersion01HasTheSameDump) {
  const std::filesystem::path files =
      std::filesystem::path(CONCERTINA_SOURCE_DIR) / "tests/files/v0.1";
  EXPECT_EQ(StudyFile::open_read_only(files / "run/study.db").dump(true),
            read_text(files / "expected/dump.txt"));
}

TEST(StudyFile, IndexesAnswerTheCommonQuestions) {
  const Folder folder;
  StudyFile::create(folder / "s.db", small_header());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "s.db").c_str(), &db), SQLITE_OK);
  const auto plan = [&](const std::string& sql) {
    std::string text;
    sqlite3_exec(
        db, ("EXPLAIN QUERY PLAN " + sql).c_str(),
        [](void* out, int, char** row, char**) {
          *static_cast<std::string*>(out) += row[3];
          return 0;
        },
        &text, nullptr);
    return text;
  };
  EXPECT_THAT(plan("SELECT trial FROM value WHERE metric = 2 AND value <= 5"),
              HasSubstr("USING COVERING INDEX value_by_metric"));
  EXPECT_THAT(plan("SELECT * FROM generation ORDER BY number DESC LIMIT 1"),
              Not(HasSubstr("TEMP B-TREE")));
  EXPECT_THAT(plan("SELECT * FROM value WHERE trial = 3"), HasSubstr("USING PRIMARY KEY"));
  sqlite3_close(db);
}

}  // namespace
}  // namespace concertina
