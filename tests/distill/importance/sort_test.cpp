#include "distill/importance/sort.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "distill/importance/taylor_scores.h"
#include "distill/objective/layer_mean.h"
#include "tests/distill/tiny.h"

namespace concertina {
namespace {

struct Fixture {
  testing::TempFolder folder{"sort"};
  SearchSpace space = testing::tiny_space();
  Supernet model = Supernet::random(space, Rng(1));
  Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(2));
  Manifest manifest = testing::tiny_corpus(folder.path);
  TrainedObjective trained;

  Fixture() {
    const LayerMeanSpec spec{.top = 2,
                             .teacher_depth = 2,
                             .teacher_dim = space.largest().embed_dim(),
                             .student_dim = space.largest().embed_dim()};
    trained.objective = std::make_unique<LayerMeanObjective>(spec);
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(3);
    for (const Parameters::Init& head : trained.objective->parameters(Rng(4))) {
      trained.heads[head.name] = at::empty(head.value.sizes()).normal_(0, 0.3, generator);
    }
  }
  SortInputs inputs() const {
    return {.model = model, .trained = &trained, .teacher = &teacher, .manifest = &manifest};
  }
  double loss(const Supernet& student, const TensorMap& heads, const SpeechBatch& batch) const {
    const Subnet target_net = teacher.slice(teacher.space().largest());
    const Objective& objective = *trained.objective;
    const TensorMap goal = goal_of(objective, teacher_rows(objective.needs().rows, {&target_net, 1},
                                                           space.blueprint(), batch));
    const Subnet subnet = student.slice(space.largest());
    const TensorMap sliced = slice_tensors(heads, objective.slices(subnet.architecture));
    const Architecture& net = subnet.architecture;
    const EncoderOutput output = encode(subnet, batch, objective.student_wants(net));
    return objective.loss({output, net, sliced, goal, {}}).total.item<double>();
  }
};

TEST(Sort, KeepsTheLossOfTheLargestByEveryScore) {
  const Fixture fixture;
  const SpeechBatch batch = make_batch(testing::tones(2, 16000, 5));
  const double before = fixture.loss(fixture.model, fixture.trained.heads, batch);
  for (const SortScore score :
       {SortScore::kActivation, SortScore::kTaylor, SortScore::kMagnitude}) {
    const SortResult sorted = sort_units({.score = score, .seconds = 24}, fixture.inputs());
    EXPECT_LE(sorted.change, kMaxSortChange);
    EXPECT_EQ(sorted.orders.size(), 1 + 2 * 2U);  // embed, and heads and FFN of two layers
    EXPECT_NEAR(fixture.loss(sorted.model, sorted.heads, batch), before, 1e-5 * before);
    EXPECT_GT(std::abs(fixture.loss(sorted.model, fixture.trained.heads, batch) - before), 1e-4)
        << "the heads must follow";
    EXPECT_THAT(sorted.model.provenance(), ::testing::HasSubstr(std::string(enum_name(score))));
  }
}

TEST(Sort, IsRepeatable) {
  const Fixture fixture;
  const SortOptions options{.score = SortScore::kTaylor, .seconds = 48, .seed = 9};
  EXPECT_EQ(sort_units(options, fixture.inputs()).orders,
            sort_units(options, fixture.inputs()).orders);
}

TEST(Sort, NamesMissingInputs) {
  const Fixture fixture;
  SortInputs inputs{.model = fixture.model};
  EXPECT_THROW(sort_units({.score = SortScore::kActivation}, inputs), InputError);
  inputs.manifest = &fixture.manifest;
  EXPECT_THROW(sort_units({.score = SortScore::kTaylor}, inputs), InputError);
  EXPECT_NO_THROW(sort_units({.score = SortScore::kActivation}, inputs));
}

TEST(Sort, RejectsTheObjectiveOfAnotherWidth) {
  Fixture fixture;
  for (auto& [name, head] : fixture.trained.heads) head = head.narrow(-1, 0, head.size(-1) - 1);
  try {
    sort_units({.score = SortScore::kMagnitude}, fixture.inputs());
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("of another width"));
  }
}

TEST(Sort, OptionsAreChecked) {
  ConfigFile good = ConfigFile::parse("sort: {score: taylor, seconds: 30}\n");
  EXPECT_EQ(SortOptions::from_config(good.root().section("sort")).score, SortScore::kTaylor);
  good.finish();
  ConfigFile bad = ConfigFile::parse("sort: {score: tailor, seconds: 0}\n");
  SortOptions::from_config(bad.root().section("sort"));
  try {
    bad.finish();
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::AllOf(::testing::HasSubstr("did you mean 'taylor'"),
                                               ::testing::HasSubstr("seconds")));
  }
}

// The score of an FFN neuron or a head is the loss's derivative with respect to a gate on it.
TEST(Taylor, IsTheDerivativeWithRespectToAGate) {
  const Fixture fixture;
  const SpeechBatch batch = make_batch(testing::tones(2, 16000, 6));
  const UnitScores scores =
      taylor_scores(fixture.model, fixture.trained, fixture.teacher, {&batch, 1});
  const auto slope = [&](const std::string& reader, int64_t first, int64_t count) {
    constexpr double kStep = 0.05;
    double loss[2];
    for (const int sign : {0, 1}) {
      Supernet gated = fixture.model;
      at::Tensor& weight = gated.weights().at(reader);
      weight = weight.clone();
      weight.narrow(1, first, count).mul_(1 + (sign == 0 ? -kStep : kStep));
      loss[sign] = fixture.loss(gated, fixture.trained.heads, batch);
    }
    return std::abs(loss[1] - loss[0]) / (2 * kStep);
  };
  const auto best = [&](const UnitGroup& group) {
    const std::vector<double>& values = scores.at(group);
    return std::max_element(values.begin(), values.end()) - values.begin();
  };
  const UnitGroup ffn{UnitKind::kFfn, 0}, heads{UnitKind::kHeads, 1};
  const double ffn_score = scores.at(ffn)[static_cast<size_t>(best(ffn))];
  EXPECT_NEAR(slope("encoder.layers.0.fc2.weight", best(ffn), 1), ffn_score, 0.05 * ffn_score);
  const double head_score = scores.at(heads)[static_cast<size_t>(best(heads))];
  EXPECT_NEAR(slope("encoder.layers.1.self_attn.out_proj.weight", 8 * best(heads), 8), head_score,
              0.05 * head_score);
}

}  // namespace
}  // namespace concertina
