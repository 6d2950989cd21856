#include "search/run_study.h"

#include <gmock/gmock.h>

#include "core/errors.h"
#include "study/same_study.h"
#include "supernet/space/search_space_config.h"
#include "tests/search/formulas.h"

namespace concertina {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Plan {
  std::filesystem::path path;
  int64_t trials = 60;
  std::string fidelity = "full";
  int32_t workers = 1;
  std::string kind = "nsga2";
  int64_t population = 12;
  double mutation = 0.1;
  StopToken stop;
  std::function<void(const StudyProgress&)> progress;
  SearchSpace space = pocket_space();
  FormulaEvaluator evaluator;
};

SearcherOptions options_of(const Plan& run) {
  SearcherOptions options;
  options.kind = enum_from_name<SearcherKind>("searcher", run.kind);
  options.population = run.population;
  options.mutation = run.mutation;
  options.objectives = formula_objectives();
  options.seed = 1;
  return options;
}

StudyReport go(const Plan& run) {
  StudyHeader header = formula_header();
  header.space_json = json_of(pocket_space());
  StudyFile study = std::filesystem::exists(run.path) ? StudyFile::open(run.path)
                                                      : StudyFile::create(run.path, header);
  const auto searcher = make_searcher(options_of(run), run.space);
  const auto executor = make_tbb_executor(run.workers);
  return run_study(run.space, *searcher, run.evaluator, *executor, study,
                   {run.trials, run.fidelity}, run.stop, run.progress);
}

template <class Expected, class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Expected& error) {
    return error.what();
  }
  return "";
}

std::string dump(const std::filesystem::path& path) {
  return StudyFile::open_read_only(path).dump(false);
}

TEST(RunStudy, RecordsEveryTrialInAskOrder) {
  const Folder folder;
  const StudyReport report = go({.path = folder / "s.db"});
  EXPECT_EQ(report.trials, 60);
  EXPECT_EQ(report.failed, 0);
  EXPECT_FALSE(report.stopped);
  const auto trials = StudyFile::open_read_only(folder / "s.db").trials();
  ASSERT_EQ(trials.size(), 60u);
  for (size_t i = 0; i < trials.size(); ++i) {
    EXPECT_EQ(trials[i].number, static_cast<int64_t>(i));
    EXPECT_EQ(trials[i].generation, static_cast<int64_t>(i) / 12);
    EXPECT_EQ(trials[i].values.at("loss"), formula_loss(trials[i].architecture));
  }
}

TEST(RunStudy, HypervolumeNeverFalls) {
  const Folder folder;
  go({.path = folder / "s.db", .trials = 120});
  double last = 0;
  for (const GenerationRecord& g : StudyFile::open_read_only(folder / "s.db").generations()) {
    EXPECT_GE(g.hypervolume, last);
    last = g.hypervolume;
  }
  EXPECT_GT(last, 0);
}

TEST(RunStudy, WorkersDoNotChangeTheStudy) {
  const Folder folder;
  Plan one{.path = folder / "1.db"}, four{.path = folder / "4.db", .workers = 4};
  four.evaluator.shuffle_ = true;
  one.evaluator.fail_every_ = four.evaluator.fail_every_ = 7;
  go(one);
  go(four);
  EXPECT_EQ(dump(folder / "1.db"), dump(folder / "4.db"));
}

class Resume : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Kinds, Resume, ::testing::Values("nsga2", "random"),
                         [](const auto& kind) { return kind.param; });

TEST_P(Resume, AfterAStopEqualsUninterrupted) {
  const Folder folder;
  go({.path = folder / "whole.db", .kind = GetParam()});
  for (const int64_t stop_at : {3, 12, 29, 41}) {  // within and between generations
    const auto path = folder / (std::to_string(stop_at) + ".db");
    StopSource source;
    Plan cut{.path = path, .kind = GetParam(), .stop = source.token()};
    cut.progress = [&](const StudyProgress& p) {
      if (p.done >= stop_at) source.request(StopReason::kInterrupt);
    };
    const StudyReport report = go(cut);
    EXPECT_TRUE(report.stopped);
    EXPECT_GE(report.trials, stop_at);
    EXPECT_EQ(StudyFile::open_read_only(path).trials().size(), static_cast<size_t>(report.trials));
    go({.path = path, .workers = 2, .kind = GetParam()});
    EXPECT_EQ(dump(path), dump(folder / "whole.db")) << stop_at;
  }
}

TEST_P(Resume, ACapBelowOneGenerationAdvances) {
  const Folder folder;
  go({.path = folder / "whole.db", .kind = GetParam()});
  StudyReport report{.stopped = true};
  int32_t sessions = 0;
  while (report.stopped && ++sessions < 60) {  // each ends after its first group or two
    StopSource source;
    Plan cut{.path = folder / "s.db", .workers = 2, .kind = GetParam(), .stop = source.token()};
    cut.evaluator.after_group_ = [&] { source.request(StopReason::kTimeUp); };
    const int64_t before = report.trials;
    report = go(cut);
    EXPECT_GT(report.trials, before);
  }
  EXPECT_GT(sessions, 6);
  EXPECT_EQ(dump(folder / "s.db"), dump(folder / "whole.db"));
}

TEST_P(Resume, AnExtendedStudyEqualsOneThatRanAtOnce) {
  const Folder folder;
  go({.path = folder / "whole.db", .kind = GetParam()});
  for (const int64_t trials : {5, 12, 30, 31, 60})  // within and between generations
    go({.path = folder / "s.db", .trials = trials, .workers = 3, .kind = GetParam()});
  EXPECT_EQ(dump(folder / "s.db"), dump(folder / "whole.db"));
}

TEST(RunStudy, AStudyEndsInsideAGeneration) {
  const Folder folder;
  EXPECT_EQ(go({.path = folder / "s.db", .trials = 30}).trials, 30);
  const std::string before = dump(folder / "s.db");
  EXPECT_EQ(go({.path = folder / "s.db", .trials = 30}).trials, 30);
  EXPECT_EQ(dump(folder / "s.db"), before);
  EXPECT_EQ(StudyFile::open_read_only(folder / "s.db").generations().size(), 2u);
}

TEST(RunStudy, AFinishedStudyIsNotChanged) {
  const Folder folder;
  go({.path = folder / "s.db"});
  const std::string before = dump(folder / "s.db");
  EXPECT_EQ(go({.path = folder / "s.db"}).trials, 60);
  EXPECT_EQ(dump(folder / "s.db"), before);
}

TEST(RunStudy, FailedTrialsAreRecordedAndSurvived) {
  const Folder folder;
  Plan run{.path = folder / "s.db"};
  run.evaluator.fail_every_ = 2;
  EXPECT_EQ(go(run).failed, 30);
  const auto trials = StudyFile::open_read_only(folder / "s.db").trials();
  EXPECT_EQ(trials[1].state, TrialState::kFailed);
  EXPECT_EQ(trials[1].error, "it did not work");
}

TEST(RunStudy, ASubnetThatThrowsDoesNotEndTheStudy) {
  const Folder folder;
  Plan run{.path = folder / "s.db", .workers = 2};
  run.evaluator.throw_at_ = 14;
  EXPECT_EQ(go(run).failed, 1);
  const auto trials = StudyFile::open_read_only(folder / "s.db").trials();
  EXPECT_EQ(trials[14].error, "Cholesky: not positive-definite");
  EXPECT_EQ(trials[13].state, TrialState::kComplete);
}

TEST(RunStudy, WhatFailsForEverySubnetIsAnErrorAndLeavesNoTrials) {
  const Folder folder;
  Plan broken{.path = folder / "s.db"};
  broken.evaluator.fail_every_ = 1;
  EXPECT_THAT(error_of<NumericError>([&] { go(broken); }),
              HasSubstr("none of 12 subnets could be scored: it did not work"));
  EXPECT_TRUE(StudyFile::open_read_only(folder / "s.db").trials().empty());
  go({.path = folder / "s.db"});
  go({.path = folder / "whole.db"});
  EXPECT_EQ(dump(folder / "s.db"), dump(folder / "whole.db"));
}

class NanEvaluator : public FormulaEvaluator {
 public:
  GroupResult run(const WorkGroup& group, const StopToken& stop) const override {
    GroupResult result = FormulaEvaluator::run(group, stop);
    for (Evaluation& e : result) {
      if (e.number == 4) e.values["loss"] = std::nan("");
      if (e.number == 5) e.values.erase("macs");
    }
    return result;
  }
};

TEST(RunStudy, NonFiniteScoresFail) {
  const Folder folder;
  StudyFile study = StudyFile::create(folder / "s.db", formula_header());
  const SearchSpace space = pocket_space();
  const auto searcher = make_searcher(options_of({}), space);
  const auto executor = make_tbb_executor(1);
  EXPECT_EQ(run_study(space, *searcher, NanEvaluator(), *executor, study, {24}, {}).failed, 2);
  EXPECT_EQ(study.trials()[4].error, "loss is nan");
  EXPECT_EQ(study.trials()[5].error, "macs was not measured");
}

TEST(RunStudy, TrialsRecordTheFidelityOfTheirSearch) {
  const Folder folder;
  go({.path = folder / "s.db", .trials = 12, .fidelity = "0.01"});
  for (const Trial& trial : StudyFile::open(folder / "s.db").trials())
    EXPECT_EQ(trial.fidelity, "0.01");
}

TEST(RunStudy, ASmallSpaceEndsTheStudyEarly) {
  const Folder folder;
  StudyHeader header = formula_header();
  const SearchSpace space = tiny_space();
  header.space_json = json_of(space);
  StudyFile study = StudyFile::create(folder / "s.db", header);
  const auto searcher = make_searcher(options_of({}), space);
  const auto executor = make_tbb_executor(2);
  EXPECT_EQ(
      std::to_string(
          run_study(space, *searcher, FormulaEvaluator(), *executor, study, {500}, {}).trials),
      space.size());
}

TEST(RunStudy, RefusesAnotherSpaceScorerOrObjective) {
  const Folder folder;
  go({.path = folder / "s.db", .trials = 12});
  Plan other_space{.path = folder / "s.db"};
  other_space.space = tiny_space();
  EXPECT_THAT(error_of<InputError>([&] { go(other_space); }), HasSubstr("another search space"));
  Plan other_scorer{.path = folder / "s.db"};
  other_scorer.evaluator.formula_ = "another";
  EXPECT_THAT(error_of<InputError>([&] { go(other_scorer); }),
              HasSubstr("of loss: formula is saturating there and another here"));
  StudyHeader header = formula_header();
  header.objectives[1].name = "mac";
  StudyFile study = StudyFile::create(folder / "typo.db", header);
  const SearchSpace space = pocket_space();
  const auto searcher = make_searcher(options_of({}), space);
  const auto executor = make_tbb_executor(1);
  EXPECT_THAT(error_of<InputError>([&] {
                run_study(space, *searcher, FormulaEvaluator(), *executor, study, {12}, {});
              }),
              HasSubstr("objective 'mac' (did you mean 'macs'?)"));
}

TEST(RunStudy, RefusesOtherSettingsAndListsThem) {
  const Folder folder;
  go({.path = folder / "s.db", .trials = 12});
  const std::string before = dump(folder / "s.db");
  Plan other{.path = folder / "s.db", .population = 8, .mutation = 0.5};
  EXPECT_THAT(error_of<InputError>([&] { go(other); }),
              AllOf(HasSubstr("search.population is 12 there and 8 here"),
                    HasSubstr("search.mutation is 0.1 there and 0.5 here")));
  other.kind = "random";  // has no mutation: unused settings are not compared
  EXPECT_THAT(error_of<InputError>([&] { go(other); }), Not(HasSubstr("mutation")));
  EXPECT_EQ(dump(folder / "s.db"), before);
}

}  // namespace
}  // namespace concertina
