#include "eval/trained_probe.h"

#include <gtest/gtest.h>

#include "core/errors.h"
#include "eval/tasks.h"
#include "tests/eval/golden.h"
#include "tests/eval/toy_corpus.h"

namespace concertina {
namespace {

TEST(TrainedProbe, GradientsEqualTheGoldenOnes) {
  constexpr int64_t kLayers = 4, kRows = 60, kProbeWidth = 5, kProbeClasses = 6;
  const auto value = [](const std::string& name, at::IntArrayRef shape) {
    return testing::golden_value("probe " + name, shape).to(at::kFloat);
  };
  const at::Tensor labels =
      (testing::golden_value("probe labels", {kRows}) + 1).mul(kProbeClasses / 2.0).to(at::kLong);
  const ProbeGradients gradients = probe_gradients(
      value("layers", {kLayers, kRows, kProbeWidth}) + 2, labels,
      {value("layer_logits", {kLayers}), value("weight", {kProbeWidth, kProbeClasses}),
       value("bias", {kProbeClasses})},
      {value("mean", {kProbeWidth}), 1.5 + value("spread", {kProbeWidth})});
  const nlohmann::json golden = testing::golden_scores()["probe"];
  EXPECT_NEAR(gradients.loss, golden["loss"].get<double>(), 1e-5);
  const auto near = [&](const at::Tensor& own, const char* name) {
    const at::Tensor expected = testing::golden_tensor(golden[name]);
    EXPECT_LT((own.flatten() - expected).norm().item<double>(),
              1e-5 * expected.norm().item<double>())
        << name;
  };
  near(gradients.of.layer_logits, "layer_logits");
  near(gradients.of.weight, "weight");
  near(gradients.of.bias, "bias");
}

// Three layers far from the origin, of which the second alone depends on the class.
ProbeRows probe_rows(int64_t count, uint64_t seed) {
  constexpr int64_t kProbeClasses = 5, kProbeWidth = 8;
  at::Generator world = at::make_generator<at::CPUGeneratorImpl>(99);
  at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor means = at::empty({kProbeClasses, kProbeWidth}).normal_(0, 2, world);
  const at::Tensor labels = at::empty({count})
                                .uniform_(0, kProbeClasses, draws)
                                .floor()
                                .to(at::kLong)
                                .clamp_max(kProbeClasses - 1);
  at::Tensor features = at::empty({3, count, kProbeWidth}).normal_(0, 1, draws);
  features[1] += means.index_select(0, labels);
  return {features * 3 + 40, labels, at::arange(count).remainder(4).eq(0), kProbeClasses};
}

double probe_accuracy(const TrainedProbe& probe, const ProbeRows& rows) {
  return probe.scores(rows.features.to(at::kFloat))
      .argmax(1)
      .eq(rows.labels)
      .to(at::kDouble)
      .mean()
      .item<double>();
}

TEST(TrainedProbe, FindsTheLayerAndTheClasses) {
  TrainedProbeOptions options;
  options.steps = 300;
  options.search_steps = 60;
  ProbeRows training = probe_rows(4000, 1);
  training.features = training.features.to(at::kHalf);
  const TrainedProbe probe = fit_trained_probe(training, options);
  EXPECT_GT(probe_accuracy(probe, probe_rows(1000, 2)), 0.9);
  EXPECT_GT(probe.layer_weights[1].item<double>(), 0.6);
  EXPECT_NEAR(probe.layer_weights.sum().item<double>(), 1, 1e-6);
}

TEST(TrainedProbe, ShuffledLabelsScoreAtChance) {
  ProbeRows training = probe_rows(4000, 1);
  at::Generator draws = at::make_generator<at::CPUGeneratorImpl>(3);
  training.labels = training.labels.index_select(0, at::randperm(4000, draws));
  TrainedProbeOptions options;
  options.steps = 200;
  options.search_steps = 40;
  EXPECT_LT(probe_accuracy(fit_trained_probe(training, options), probe_rows(1000, 2)), 0.3);
}

TEST(TrainedProbe, IsTheSameForTheSameSeed) {
  TrainedProbeOptions options;
  options.steps = 40;
  options.search_steps = 10;
  const TrainedProbe first = fit_trained_probe(probe_rows(500, 1), options);
  const TrainedProbe second = fit_trained_probe(probe_rows(500, 1), options);
  EXPECT_TRUE(at::equal(first.weight, second.weight));
  EXPECT_TRUE(at::equal(first.layer_weights, second.layer_weights));
  options.seed = 1;
  EXPECT_FALSE(at::equal(first.weight, fit_trained_probe(probe_rows(500, 1), options).weight));
}

TEST(TrainedProbe, AFewRowsAreEnoughAndAConstantChannelDoesNoHarm) {
  ProbeRows few = probe_rows(9, 1);
  few.features.select(2, 0).fill_(5);
  few.held_out.fill_(false);
  TrainedProbeOptions options;
  options.steps = 20;
  const TrainedProbe probe = fit_trained_probe(few, options);
  EXPECT_TRUE(probe.weight.isfinite().all().item<bool>());
  EXPECT_EQ(probe.rate, options.rates.front()) << "no row is held out";
}

TEST(TrainedProbe, ScoresTasksBesideTheClosedForm) {
  const testing::ToyCorpus corpus("trained");
  TaskOptions options;
  options.sid_min_clips = 5;
  options.pr_every = 1;
  options.trained = true;
  // Coefficients of one frame, without its neighbours.
  const FeatureExtractor features = [](const std::vector<std::vector<float>>& clips) {
    std::vector<ClipFeatures> all = mfcc_baseline_features()(clips);
    for (ClipFeatures& each : all) each.layers = each.layers.narrow(2, 8 * 20, 20);
    return all;
  };
  const auto scored = [&] {
    return score_tasks(corpus.manifest(), features, options, Split::kTest, {});
  };
  const std::vector<TaskScore> scores = scored();
  const auto named = [](const std::vector<TaskScore>& all, const std::string& metric) {
    const auto found = std::ranges::find(all, metric, &TaskScore::metric);
    return found == all.end() ? TaskScore{} : *found;
  };
  const TaskScore phones = named(scores, "pr.frame_acc_wsum");
  EXPECT_GT(phones.value, 75) << phones.setting;
  EXPECT_FALSE(named(scores, "sid.acc_wsum").hits.empty());
  EXPECT_EQ(phones.hits.size(), named(scores, "pr.frame_acc").hits.size());
  EXPECT_EQ(phones.totals, named(scores, "pr.frame_acc").totals);
  EXPECT_NE(phones.setting.find("weighted sum of 1 layers"), std::string::npos) << phones.setting;
  options.trained = false;
  EXPECT_EQ(named(scored(), "pr.frame_acc_wsum").metric, "");
}

}  // namespace
}  // namespace concertina
