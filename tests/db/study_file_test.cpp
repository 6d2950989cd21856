#include "db/study_file.h"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <cmath>
#include <limits>

#include "core/errors.h"
#include "core/files.h"
#include "tests/db/studies.h"

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

TEST(StudyFile, LatencyFrontAndArtefactsComeBack) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  const Architecture architecture = pocket_space().smallest();
  study.add_latency_points({{architecture, "a CPU", 1, 4.0, "fp32", 20, 5.5, 5.25, 6.75, 0.125}});
  study.set_latency_model({"{}", sha256("{}")});
  study.set_front({{pocket_space().largest(), {{"pr.per", 30}}}});
  study.set_front({{architecture, {{"pr.per", 31}, {"latency.p50_ms", 5.5}}}});
  study.add_artefact({"subnet", "out/subnet.safetensors", "00"});
  study.add_artefact({"subnet", "out/subnet.safetensors", "11"});
  ASSERT_EQ(study.latency_points().size(), 1u);
  EXPECT_EQ(study.latency_points()[0].p95_ms, 6.75);
  EXPECT_EQ(study.latency_points()[0].architecture, architecture);
  EXPECT_EQ(study.latency_model()->json, "{}");
  ASSERT_EQ(study.front().size(), 1u);
  EXPECT_EQ(study.front()[0].values.at("pr.per"), 31);
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
    study.set_front({{trial.architecture, {{"pr.per", 31}, {"latency.p50_ms", ms}}}});
    return std::pair(study.dump(false), study.dump(true));
  };
  const auto a = dump("a.db", 0, 1.0), b = dump("b.db", 1, 2.0);
  EXPECT_EQ(a.first, b.first);
  EXPECT_NE(a.second, b.second);
  EXPECT_THAT(a.first, HasSubstr("pr.per=31"));
  EXPECT_THAT(a.first, HasSubstr("latency.pred_ms=1"));
  EXPECT_THAT(a.first, Not(HasSubstr("latency.p50_ms")));
}

TEST(StudyFile, IsOnePlainFileOnceClosed) {
  const Folder folder;
  {
    StudyFile study = StudyFile::create(folder / "s.db", small_header());
    study.commit_generation({small_trial(0, 1, 1)}, {0, "a", "scorer", 0});
    EXPECT_TRUE(std::filesystem::exists(folder / "s.db-wal"));
    EXPECT_EQ(StudyFile::open_read_only(folder / "s.db").trials().size(),
              1u);  // readers need not wait
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "s.db-wal"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(StudyFile, ACopyTakenMidWayIsReadable) {  // what a kill -9 leaves: the file and its WAL
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", small_header());
  study.commit_generation({small_trial(0, 1, 1)}, {0, "a", "scorer", 0});
  std::filesystem::create_directories(folder / "killed");
  for (const std::string name : {"s.db", "s.db-wal"}) {
    std::filesystem::copy_file(folder / name, folder / ("killed/" + name));
  }
  EXPECT_EQ(StudyFile::open(folder / "killed/s.db").trials().size(), 1u);
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
