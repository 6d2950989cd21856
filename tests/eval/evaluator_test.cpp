#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>

#include "distill/objective/layer_mean.h"
#include "eval/fingerprints.h"
#include "eval/subnet_evaluator.h"
#include "search/run_study.h"
#include "search/searcher.h"
#include "supernet/space/search_space_config.h"
#include "tests/eval/toy_corpus.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

// A random supernet scored against a random teacher: nothing is learnt, everything is computed.
class EvaluatorTest : public ::testing::Test {
 protected:
  EvaluatorTest() {
    const SearchSpace space = testing::small_space(testing::mel_blueprint());
    parts_.supernet = std::make_shared<Supernet>(testing::perturbed(space, 1));
    parts_.distill = std::make_shared<DistillScore>(
        testing::perturbed(space, 2).slice(space.largest()), space.blueprint(),
        trained(space.largest()), corpus_.manifest(), Split::kDev,
        DistillScoreOptions{.crops = 4, .seconds = 1, .source_weight = {}, .seed = 3});
    parts_.manifest = std::make_shared<Manifest>(corpus_.manifest());
    parts_.tasks.tasks.clear();
  }

  static TrainedObjective trained(const Architecture& largest) {
    TrainedObjective result;
    result.objective =
        std::make_unique<LayerMeanObjective>(LayerMeanSpec{.top = 2,
                                                           .teacher_depth = largest.depth(),
                                                           .teacher_dim = largest.embed_dim(),
                                                           .student_dim = largest.embed_dim()});
    for (const auto& parameter : result.objective->parameters(Rng(4)))
      result.heads[parameter.name] = parameter.value;
    return result;
  }

  std::vector<Proposal> proposals(int64_t count) const {
    Rng rng(5);
    std::vector<Proposal> all;
    for (int64_t i = 0; i < count; ++i) {
      const Architecture architecture = space().sample(rng);
      all.push_back({i, architecture, GenomeCodec(space()).encode(architecture)});
    }
    return all;
  }

  std::string dump_with(int32_t workers) const {
    const SubnetEvaluator evaluator(parts_);
    const std::vector<MetricInfo> objectives = {{"distill.l1", Direction::kMinimise, ""},
                                                {"params", Direction::kMinimise, "params"}};
    const auto path = std::filesystem::temp_directory_path() /
                      fmt::format("concertina-study-{}-{}.db", ::getpid(), workers);
    std::filesystem::remove(path);
    StudyHeader header;
    header.space_json = json_of(space());
    header.objectives = objectives;
    std::string dump;
    {
      StudyFile study = StudyFile::create(path, header);
      const auto searcher = make_searcher(
          {.kind = SearcherKind::kNsga2, .population = 8, .objectives = objectives, .seed = 6},
          space());
      const auto executor = make_tbb_executor(workers, use_one_thread);
      const StudyReport report =
          run_study(space(), *searcher, evaluator, *executor, study, {.trials = 24}, {});
      EXPECT_EQ(report.trials, 24);
      EXPECT_EQ(report.failed, 0);
      dump = study.dump(false);
    }
    std::filesystem::remove(path);
    return dump;
  }

  const SearchSpace& space() const { return parts_.supernet->space(); }

  testing::ToyCorpus corpus_{"evaluator"};
  SubnetEvaluatorParts parts_;
};

TEST_F(EvaluatorTest, GroupsShareTheirFrontAndHoldEveryProposalOnce) {
  const SubnetEvaluator evaluator(parts_);
  const std::vector<Proposal> all = proposals(30);
  std::vector<int64_t> numbers;
  for (const WorkGroup& group : evaluator.plan(all)) {
    for (const Proposal& proposal : group.proposals) {
      numbers.push_back(proposal.number);
      EXPECT_EQ(shared_front_key(proposal.architecture),
                shared_front_key(group.proposals[0].architecture));
    }
  }
  std::ranges::sort(numbers);
  ASSERT_EQ(numbers.size(), all.size());
  for (size_t i = 0; i < numbers.size(); ++i) EXPECT_EQ(numbers[i], static_cast<int64_t>(i));
}

TEST_F(EvaluatorTest, AGroupScoresAsItsMembersDoOneByOne) {
  const SubnetEvaluator evaluator(parts_);
  for (const WorkGroup& group : evaluator.plan(proposals(12))) {
    const GroupResult together = evaluator.run(group, {});
    ASSERT_EQ(together.size(), group.proposals.size());
    for (size_t i = 0; i < together.size(); ++i) {
      const GroupResult alone = evaluator.run({{group.proposals[i]}}, {});
      EXPECT_EQ(together[i].values, alone[0].values) << group.proposals[i].architecture.key();
    }
  }
}

TEST_F(EvaluatorTest, ASubnetThatCannotBeCutFailsAlone) {
  const SubnetEvaluator evaluator(parts_);
  const Architecture good = space().smallest();
  const Architecture bad(good.conv_channels(), 64 * good.embed_dim(), good.frame_period_us(),
                         good.layers());
  const WorkGroup group{{{0, good, {}}, {1, bad, {}}, {2, good, {}}}};
  const auto alone = evaluator.run({{group.proposals[0]}}, {});
  std::map<int64_t, Evaluation> ended;
  make_tbb_executor(1, use_one_thread)
      ->run(evaluator, std::vector{group}, {}, [&](const GroupResult& result) {
        for (const Evaluation& evaluation : result) ended[evaluation.number] = evaluation;
      });
  ASSERT_EQ(ended.size(), 3u);
  EXPECT_EQ(ended[0].values, alone[0].values);
  EXPECT_EQ(ended[2].values, alone[0].values);
  EXPECT_NE(ended[1].error.find("cannot be sliced"), std::string::npos) << ended[1].error;
}

TEST_F(EvaluatorTest, OneAndTwoWorkersWriteTheSameStudy) { EXPECT_EQ(dump_with(1), dump_with(2)); }

TEST_F(EvaluatorTest, WorkersShareOnePreparationOfTheTasks) {
  parts_.distill = nullptr;
  parts_.tasks = {
      .tasks = {"pr", "sid", "asv"}, .pr_every = 1, .clip_seconds = 1, .sid_min_clips = 5};
  const SubnetEvaluator evaluator(parts_);
  const std::vector<WorkGroup> groups = evaluator.plan(proposals(8));
  const auto values_with = [&](int32_t workers) {
    std::map<int64_t, std::map<std::string, double>> values;
    make_tbb_executor(workers, use_one_thread)
        ->run(evaluator, groups, {}, [&](const GroupResult& result) {
          for (const Evaluation& each : result) {
            EXPECT_EQ(each.error, "");
            values[each.number] = each.values;
          }
        });
    return values;
  };
  const auto values = values_with(1);
  ASSERT_EQ(values.size(), 8u);
  EXPECT_EQ(values.at(0).count("asv.eer"), 1u);
  EXPECT_EQ(values_with(2), values);
}

TEST_F(EvaluatorTest, GivesTheMetricsItNames) {
  parts_.tasks.sid_min_clips = 5;
  parts_.tasks.tasks = {"sid"};
  const SubnetEvaluator evaluator(parts_);
  const GroupResult result = evaluator.run({{proposals(1)[0]}}, {});
  ASSERT_EQ(result.size(), 1u);
  std::vector<std::string> names;
  for (const MetricInfo& metric : evaluator.metrics()) names.push_back(metric.name);
  for (const auto& [name, value] : result[0].values)
    EXPECT_EQ(std::ranges::count(names, name), 1) << name;
  EXPECT_EQ(result[0].values.size(), names.size());
}

TEST_F(EvaluatorTest, ScoresAgainstTheTeacherAndTrainedProbesAreOnDemand) {
  parts_.distill = nullptr;
  const SubnetEvaluator sizes(parts_);
  const auto names_of = [](const SubnetEvaluator& evaluator) {
    std::vector<std::string> names;
    for (const MetricInfo& metric : evaluator.metrics()) names.push_back(metric.name);
    return names;
  };
  EXPECT_EQ(names_of(sizes), (std::vector<std::string>{"params", "macs"}));
  const Subnet teacher = testing::perturbed(space(), 2).slice(space().largest());
  parts_.teacher =
      std::make_shared<TeacherScore>(teacher, hidden_rows({}, teacher), corpus_.manifest(),
                                     Split::kDev, TeacherScoreOptions{.seconds = 10});
  parts_.tasks = {.tasks = {"sid"}, .sid_min_clips = 5, .trained = true};
  const SubnetEvaluator evaluator(parts_);
  const std::vector<Proposal> two = proposals(2);
  const auto values_with = [&](int32_t workers) {
    std::map<int64_t, std::map<std::string, double>> values;
    make_tbb_executor(workers, use_one_thread)
        ->run(evaluator, evaluator.plan(two), {}, [&](const GroupResult& result) {
          for (const Evaluation& each : result) values[each.number] = each.values;
        });
    return values;
  };
  const auto values = values_with(1);
  for (const char* name :
       {"teacher.r2", "teacher.cka", "teacher.loyalty_label", "teacher.loyalty_prob",
        "teacher.loyalty_pearson", "rankme", "sid.acc_wsum"})
    EXPECT_EQ(values.at(0).count(name), 1u) << name;
  EXPECT_EQ(values.at(0).size(), names_of(evaluator).size());
  EXPECT_EQ(values_with(2), values);
}

// Changes one thing and lists the metrics whose fingerprint changes with it.
class FingerprintTest : public EvaluatorTest {
 protected:
  FingerprintTest() {
    sources_.manifest = &manifest_;
    sources_.distill = &distill_;
    sources_.tasks.tasks = {"pr", "sid", "asv"};
    before_ = metric_fingerprints(sources_);
  }

  std::vector<std::string> changed() const {
    std::set<std::string> names;
    for (const auto& [metric, facts] : metric_fingerprints(sources_))
      if (facts != before_.at(metric)) names.insert(metric.substr(0, metric.find('.')));
    return {names.begin(), names.end()};
  }

  Clip& clip_with(std::string Clip::* column, Split split) {
    return *std::ranges::find_if(manifest_.clips, [&](const Clip& clip) {
      return !(clip.*column).empty() && clip.split == split;
    });
  }

  Manifest manifest_ = corpus_.manifest();
  DistillScoreOptions distill_;
  ScoreSources sources_;
  Fingerprints before_;
};

using Names = std::vector<std::string>;

TEST_F(FingerprintTest, HoldsWhatAScoreDependsOn) {
  EXPECT_EQ(changed(), Names{});
  distill_.source_weight["toy"] = 2;
  EXPECT_EQ(changed(), Names{"distill"});
  distill_ = {};
  sources_.teacher = "another";
  EXPECT_EQ(changed(), Names{"distill"});
  sources_.supernet = "another";
  EXPECT_EQ(changed(), (Names{"asv", "distill", "pr", "sid"}));
}

TEST_F(FingerprintTest, HoldsWhatTrainedProbesAndScoresAgainstTheTeacherDependOn) {
  TeacherScoreOptions options;
  sources_.teacher_score = &options;
  sources_.tasks.trained = true;
  before_ = metric_fingerprints(sources_);
  EXPECT_TRUE(before_.contains("pr.frame_acc_wsum"));
  EXPECT_EQ(changed(), Names{});
  options.seconds = 99;
  EXPECT_EQ(changed(), (Names{"rankme", "teacher"}));
  options = {};
  sources_.tasks.teacher_layers = {2};
  EXPECT_EQ(changed(), (Names{"rankme", "teacher"}));
  sources_.tasks.teacher_layers = {};
  sources_.teacher = "another";
  EXPECT_EQ(changed(), (Names{"distill", "rankme", "teacher"}));
  sources_.tasks.trained = false;
  EXPECT_FALSE(metric_fingerprints(sources_).contains("pr.frame_acc_wsum"));
}

TEST_F(FingerprintTest, HoldsTheColumnsThatAreRead) {
  clip_with(&Clip::speaker, Split::kTrain).speaker += "x";
  // Folds of pr keep speakers and groups together.
  EXPECT_EQ(changed(), (Names{"asv", "pr", "sid"}));
  manifest_ = corpus_.manifest();
  clip_with(&Clip::group, Split::kTrain).group += "x";
  EXPECT_EQ(changed(), (Names{"asv", "pr", "sid"}));
  manifest_ = corpus_.manifest();
  manifest_.clips[0].text = "another text";
  manifest_.clips[0].language = "xx";
  EXPECT_EQ(changed(), Names{});
  std::ofstream(manifest_.phones_path(clip_with(&Clip::phones, Split::kTrain)), std::ios::app)
      << "99 125 zz\n";
  EXPECT_EQ(changed(), Names{"pr"});
}

TEST_F(FingerprintTest, HoldsOnlyTheOptionsThatAreUsed) {
  sources_.tasks.pr_every += 1;
  EXPECT_EQ(changed(), Names{"pr"});
  sources_.tasks = {};
  sources_.tasks.asv_trials += 1;
  EXPECT_EQ(changed(), Names{"asv"});
  sources_.tasks = {};
  sources_.tasks.tasks = {"pr"};
  sources_.tasks.asv_trials += 1;
  EXPECT_EQ(changed(), Names{});
}

TEST_F(FingerprintTest, AnotherFidelityIsAnotherMetric) {
  sources_.tasks.fidelity = 0.1;
  EXPECT_EQ(changed(), (Names{"asv", "pr", "sid"}));
  EXPECT_EQ(metric_fingerprints(sources_).at("sid.acc").at("tasks.fidelity"), "0.1");
  // Which clips a fidelity keeps changed for some tasks; at 1 all have the same.
  EXPECT_TRUE(metric_fingerprints(sources_).at("sid.acc").contains("fidelity version"));
  EXPECT_FALSE(metric_fingerprints(sources_).at("pr.frame_acc").contains("fidelity version"));
  EXPECT_FALSE(before_.at("sid.acc").contains("fidelity version"));
}

TEST_F(FingerprintTest, SeesTheClipsOfATaskOfItsOwn) {
  const std::filesystem::path list = manifest_.folder / "sid.tsv";
  std::ofstream(list) << "id\tsplit\ns0d0\ttrain\ns1d0\tdev\n";
  sources_.tasks.data["sid"] = list;
  EXPECT_EQ(changed(), Names{"sid"});
  const Fingerprints before = metric_fingerprints(sources_);
  std::ofstream(list) << "id\tsplit\ns0d0\tdev\ns1d0\ttrain\n";
  EXPECT_NE(metric_fingerprints(sources_), before);
}

TEST_F(FingerprintTest, NamesLibTorchAndTheCpuOfWhatIsComputed) {
  for (const auto& [metric, facts] : before_) {
    const bool computed = metric != "params" && metric != "macs";
    EXPECT_EQ(facts.contains("CPU"), computed) << metric;
    EXPECT_EQ(facts.contains("LibTorch"), computed) << metric;
  }
}

TEST_F(EvaluatorTest, TasksBehindMetrics) {
  EXPECT_EQ(tasks_behind({"distill.l1", "asv.eer", "pr.frame_acc"}),
            (std::vector<std::string>{"pr", "asv"}));
  EXPECT_TRUE(tasks_behind({"params"}).empty());
}

}  // namespace
}  // namespace concertina
