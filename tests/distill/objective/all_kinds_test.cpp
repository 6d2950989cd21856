// Every kind of objective in the learner, against autograd through slices of full tensors: for sampled
// architectures, with teachers that run and with cached rows, in place or not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "distill/objective/layer_head.h"
#include "distill/objective/layer_pairs.h"
#include "distill/objective/sum.h"
#include "distill/train/learner.h"
#include "supernet/model/unit_head.h"
#include "tests/distill/objective/parsed.h"
#include "tests/distill/teacher_norms.h"
#include "tests/distill/tiny.h"
#include "tests/fake_device.h"

namespace concertina {
namespace {

using testing::options_of;

// Layers without attention and with linear attention among them, depths 1 to 3.
SearchSpace deep_space() {
  SearchSpace tiny = testing::tiny_space();
  SpaceChoices choices = tiny.choices();
  choices.heads = {0, 1, 2};
  choices.attention = {AttentionKind::kLinear, AttentionKind::kSoftmax};
  choices.storage_depth = 3;
  choices.depth = {1, 2, 3};
  return SearchSpace(tiny.blueprint(), choices);
}

std::unique_ptr<Objective> objective_of(const std::string& yaml) {
  return make_objective(options_of(yaml), {.teachers = {{3, 32, 8, 7}},
                                           .student_depth = 3,
                                           .student_dim = 32,
                                           .student_head_dim = 8,
                                           .units = 7,
                                           .layer_head = layer_head_sizes(deep_space())});
}

Supernet with_unit_head(const Supernet& model) {
  TensorMap weights = model.weights();
  const auto waves = [](at::IntArrayRef shape) {
    return at::sin(at::arange(c10::multiply_integers(shape), at::kFloat) * 1.7).view(shape);
  };
  weights.merge(TensorMap{{kUnitHeadWeight, waves({5, 32})},
                          {kUnitHeadBias, waves({5})},
                          {kUnitHeadCodewords, waves({7, 5})},
                          {kUnitHeadTemperature, at::full({1}, 0.1)}});
  return Supernet(model.space(), std::move(weights));
}

struct OneBatch : BatchSource {
  explicit OneBatch(TrainingBatch given) : batch(std::move(given)) {}
  TrainingBatch at(int64_t) const override { return batch; }
  int64_t batch_count(int32_t) const override { return 1; }
  TrainingBatch batch;
};

// What the loss of a batch of clips is a mean over, which gives the weight of a clip in it: its valid frames,
// those of them that are masked, its pairs of frames, or 1. kCosines: exp(-loss) is the mean over clips, of
// a student with one pair of layers. kNone: the losses of clips do not give it. kOneOfThese: of frames,
// pairs of frames or clips.
enum class MeanOver {
  kFrames,
  kMaskedFrames,
  kPairsOfFrames,
  kClips,
  kCosines,
  kNone,
  kOneOfThese
};

struct Case {
  std::string name;
  MeanOver over;
  std::string yaml;
  std::string why_none = {};
};

struct LossAndGradient {
  double loss;
  at::Tensor gradient;
};

class AllKinds : public ::testing::TestWithParam<Case> {
 protected:
  AllKinds() {
    batch.speech = make_batch(testing::tones(2, 8000, 3));
    batch.speech.lengths.data_ptr<int64_t>()[1] = 6000;
    batch.speech.waveform[1].narrow(0, 6000, 2000).zero_();
    const at::Tensor frames =
        at::arange(2 * space.blueprint().frames(8000), at::kLong).view({2, -1});
    if (traits.reads_units) batch.units = frames.remainder(7);
    if (!traits.reads_mask) return;
    batch.speech.mask = at::zeros_like(frames, at::kBool);
    batch.speech.mask.slice(1, 5, 15).fill_(true);
  }
  Rows rows() const {
    const Subnet net = teacher.slice(teacher.space().largest());
    return teacher_rows(objective_of(GetParam().yaml)->needs().rows, {&net, 1}, net.blueprint,
                        batch.speech);
  }
  std::unique_ptr<Learner> learner(double in_place, int32_t parts = 1, at::Device device = at::kCPU,
                                   SamplerKind sampler = SamplerKind::kSandwich) const {
    auto objective = objective_of(GetParam().yaml);
    auto heads = objective->parameters(rng);
    return std::make_unique<Learner>(
        Learner::Setup{.student = student,
                       .objective = std::move(objective),
                       .heads = std::move(heads),
                       .sampler = make_sampler({.kind = sampler, .random = 10}, space, 40, rng),
                       .teachers = {teacher},
                       .in_place = in_place,
                       .parts = parts,
                       .device = device,
                       .statistics = std::make_shared<OneBatch>(batch),
                       .steps = 40,
                       .rng = rng});
  }
  // A step as the trainer makes it, but for the optimiser's.
  void learn_and_update(Learner& learner, GradientReducer& reducer, int64_t step) const {
    learner.learn(batch, step, reducer);
    reducer.finish();
    const auto good = at::ones({}, at::TensorOptions(learner.device()).dtype(at::kBool));
    if (!learner.observed().empty()) learner.update_state(learner.observed(), good);
  }
  // With keys of earlier clips, where there is a queue.
  static void fill_queue(Learner& learner) {
    TensorMap state = learner.state();
    const auto keys = state.find("keys");
    if (keys == state.end()) return;
    keys->second = at::sin(at::arange(keys->second.numel(), at::kFloat)).view_as(keys->second);
    state.at("frames").fill_(50);
    learner.set_state(state);
  }
  void expect_plain_gradients(int64_t step, double in_place, const TrainingBatch& given) {
    const auto trained = learner(in_place);
    fill_queue(*trained);
    Gradients gradients(trained->parameters());
    const auto alone = single_process_communicator();
    GradientReducer reducer(*alone, trained->parameters(), gradients);
    const double value = loss_values(trained->learn(given, step, reducer)).total;

    const auto objective = objective_of(GetParam().yaml);
    TensorMap full = student.weights();
    for (const auto& head : objective->parameters(rng)) full[head.name] = head.value;
    for (auto& [name, tensor] : full) tensor = tensor.clone().requires_grad_();
    const StepData data{.valid = valid_frames(space.blueprint(), given.speech),
                        .mask = given.speech.mask,
                        .units = given.units,
                        .progress = static_cast<double>(step) / 40,
                        .state = trained->state()};
    const Rows known = rows();
    TensorMap goal = goal_of(*objective, known, data);
    auto subnets = trained->sampler().draw(step);
    if (objective->has_assistants()) subnets = largest_first(std::move(subnets), space.blueprint());
    at::Tensor total = at::zeros({});
    std::vector<TensorMap> assistants;
    for (size_t i = 0; i < subnets.size(); ++i) {
      const Architecture& a = subnets[i].architecture;
      TensorMap tensors = slice_tensors(full, tensor_slices(space.blueprint(), space.storage(), a));
      tensors.merge(slice_tensors(full, objective->slices(a)));
      const Subnet made = make_subnet(space.blueprint(), a, tensors);
      const EncoderOutput output = encode(made, batch.speech, objective->student_wants(a));
      TensorMap own = goal;
      for (const TensorMap& larger : assistants) {
        if (objective->has_assistants()) own = objective->assisted_goal(own, larger);
      }
      const LossBreakdown loss = objective->loss({output, a, made.tensors, own, data});
      assistants.push_back(loss.assistant);
      total = total + loss.total / static_cast<double>(subnets.size());
      if (i == 0 && in_place > 0) goal = objective->in_place_goal(known, loss, in_place, data);
    }
    total.backward();
    EXPECT_NEAR(value, total.item<double>(), 1e-5);
    for (const auto& [name, view] : gradients.views) {
      const at::Tensor& grad = full.at(name).grad();
      const at::Tensor plain = grad.defined() ? grad : at::zeros_like(view);
      EXPECT_LT((view - plain).abs().max().item<double>(), 1e-4) << name;
    }
  }
  LossAndGradient learnt(const TrainingBatch& given) const {
    const bool one = GetParam().over == MeanOver::kCosines;
    const auto made = learner(0, 1, at::kCPU, one ? SamplerKind::kRandom : SamplerKind::kSandwich);
    fill_queue(*made);
    const auto alone = single_process_communicator();
    Gradients gradients(made->parameters());
    GradientReducer reducer(*alone, made->parameters(), gradients);
    const double loss = loss_values(made->learn(given, 3, reducer)).total;
    reducer.finish();
    return {loss, gradients.flat.clone()};
  }
  // Two clips of kFrames, the second one padded.
  TrainingBatch padded() const {
    TrainingBatch two;
    two.speech = make_batch(testing::tones(2, kSamples[0], 3));
    two.speech.lengths.data_ptr<int64_t>()[1] = kSamples[1];
    two.speech.waveform[1].slice(0, kSamples[1]).fill_(0.7);
    const at::Tensor frames = at::arange(2 * kFrames[0], at::kLong).view({2, -1});
    if (traits.reads_units) two.units = frames.remainder(7);
    if (!traits.reads_mask) return two;
    two.speech.mask = at::zeros_like(frames, at::kBool);
    two.speech.mask[0].slice(0, 5, 5 + masked_frames(0)).fill_(true);
    two.speech.mask[1].slice(0, 5, 5 + masked_frames(1)).fill_(true);
    return two;
  }
  TrainingBatch single(int64_t clip) const {
    const TrainingBatch two = padded();
    TrainingBatch one;
    one.speech = make_batch(
        two.speech.waveform.narrow(0, clip, 1).narrow(1, 0, kSamples[clip]).contiguous());
    const auto cut = [&](const at::Tensor& x) {
      return x.narrow(0, clip, 1).narrow(1, 0, kFrames[clip]);
    };
    if (traits.reads_units) one.units = cut(two.units);
    if (traits.reads_mask) one.speech.mask = cut(two.speech.mask);
    return one;
  }
  // The same share as the valid frames', so that means over masked, other and all frames can be summed;
  // another one where the loss is over masked frames alone.
  static int64_t masked_frames(int64_t clip) {
    if (clip == 0) return 10;
    return GetParam().over == MeanOver::kMaskedFrames ? 3 : 5;
  }
  // The weight of the first of two clips in the mean.
  static double share_of(MeanOver over, const LossAndGradient& a, const LossAndGradient& b) {
    const double first = weight_of(over, 0, a);
    return first / (first + weight_of(over, 1, b));
  }
  static double weight_of(MeanOver over, int64_t clip, const LossAndGradient& alone) {
    const auto frames = static_cast<double>(kFrames[clip]);
    switch (over) {
      case MeanOver::kFrames:
        return frames;
      case MeanOver::kMaskedFrames:
        return static_cast<double>(masked_frames(clip));
      case MeanOver::kPairsOfFrames:
        return frames * frames;
      case MeanOver::kCosines:
        return std::exp(-alone.loss);
      case MeanOver::kClips:
      case MeanOver::kNone:
      case MeanOver::kOneOfThese:
        break;
    }
    return 1;
  }
  static constexpr int64_t kSamples[] = {8600, 4500}, kFrames[] = {26, 13};
  ObjectiveTraits traits = traits_of(options_of(GetParam().yaml));
  Rng rng{7};
  SearchSpace space = deep_space();
  Supernet student = Supernet::random(space, rng);
  Supernet teacher = with_unit_head(Supernet::random(testing::tiny_teacher(space), Rng(8)));
  TrainingBatch batch;
};

TEST_P(AllKinds, GradientsEqualAutogradThroughSlices) {
  for (int64_t step = 0; step < 5; ++step) expect_plain_gradients(step, 0, batch);  // 50 subnets
  TrainingBatch cached = batch;
  cached.rows = rows();
  expect_plain_gradients(9, 0, cached);
  if (!traits.in_place) return;
  for (const double in_place : {1.0, 0.3}) expect_plain_gradients(9, in_place, cached);
  expect_plain_gradients(9, 1, batch);
}

// Minutes: ctest runs it as distill_every_mode, which is slow.
TEST_P(AllKinds, DISABLED_GradientsOf50SubnetsInEveryMode) {
  TrainingBatch cached = batch;
  cached.rows = rows();
  const std::vector<double> in_place =
      traits.in_place ? std::vector<double>{0, 0.3} : std::vector<double>{0};
  for (int64_t step = 0; step < 5; ++step) {
    for (const double share : in_place) {
      for (const TrainingBatch& given : {batch, cached}) expect_plain_gradients(step, share, given);
    }
  }
}

// Two steps, so that the second has a state that the first changed.
TEST_P(AllKinds, StepsAreTheSameOnAnotherDevice) {
  struct Learnt {
    at::Tensor gradient;
    TensorMap state;
    std::vector<LossValues> validation;
  };
  TrainingBatch unseen = batch;  // a queue does not have its keys
  unseen.speech.waveform = testing::tones(2, 8000, 11);
  const auto learnt_on = [&](at::Device device) {
    const auto made = learner(traits.in_place ? 0.5 : 0, 1, device);
    fill_queue(*made);
    Gradients gradients(made->parameters());
    const auto alone = single_process_communicator();
    GradientReducer reducer(*alone, made->parameters(), gradients);
    for (int64_t step = 3; step < 5; ++step) learn_and_update(*made, reducer, step);
    return Learnt{gradients.flat.to(at::kCPU).clone(), made->state(),
                  made->evaluate(unseen, {space.smallest(), space.largest()})};
  };
  const Learnt here = learnt_on(at::kCPU), there = learnt_on(testing::other_device());
  EXPECT_GT(here.gradient.abs().max().item<double>(), 1e-3);
  const bool evolves = objective_of(GetParam().yaml)->has_assistants();  // weights, by chance
  EXPECT_LT((here.gradient - there.gradient).abs().max().item<double>(), evolves ? 2e-3 : 2e-4);
  for (const auto& [name, tensor] : here.state) {
    const double bound = name.ends_with("weights") ? 1e-2 : 1e-4;
    const at::Tensor other = there.state.at(name).cpu();
    EXPECT_LT((tensor - other).abs().max().item<double>(), bound) << name;
  }
  for (size_t i = 0; i < here.validation.size(); ++i) {
    EXPECT_NEAR(here.validation[i].total, there.validation[i].total, 1e-4);
    ASSERT_EQ(here.validation[i].terms.size(), there.validation[i].terms.size());
    for (size_t j = 0; j < here.validation[i].terms.size(); ++j)
      EXPECT_NEAR(here.validation[i].terms[j].second, there.validation[i].terms[j].second, 1e-3);
  }
}

TEST_P(AllKinds, NoStepWaitsForTheDevice) {
  if (!testing::other_device().is_privateuseone())
    GTEST_SKIP() << "the fake device alone counts waits";
  const auto made = learner(traits.in_place ? 0.5 : 0, 1, testing::fake_device());
  Gradients gradients(made->parameters());
  const auto alone = single_process_communicator();
  GradientReducer reducer(*alone, made->parameters(), gradients);
  const auto waits_of = [&](int64_t step) {
    const int64_t before = testing::host_waits();
    learn_and_update(*made, reducer, step);
    return testing::host_waits() - before;
  };
  waits_of(3);  // computes the first state
  EXPECT_EQ(waits_of(4), 0);
}

TEST_P(AllKinds, EqualPartsOfABatchHaveItsGradient) {
  if (!objective_of(GetParam().yaml)->is_mean_over_clips()) return;
  TrainingBatch even;
  even.speech = make_batch(testing::tones(4, 8000, 5));
  if (traits.reads_units)
    even.units = at::arange(4 * space.blueprint().frames(8000), at::kLong).view({4, -1}) % 7;
  const auto gradient = [&](int32_t parts) {
    const auto made = learner(traits.in_place ? 0.5 : 0, parts);
    const auto alone = single_process_communicator();
    Gradients gradients(made->parameters());
    GradientReducer reducer(*alone, made->parameters(), gradients);
    made->learn(even, 3, reducer);
    reducer.finish();
    return gradients.flat.clone();
  };
  const at::Tensor whole = gradient(1);
  EXPECT_LT((gradient(2) - whole).abs().max().item<double>(), 1e-5);
  EXPECT_GT(whole.abs().max().item<double>(), 1e-3);
}

// A batch of clips of different length has the weighted mean of their losses and gradients: padding changes
// nothing.
TEST_P(AllKinds, APaddedBatchIsTheMeanOfItsClips) {
  const LossAndGradient both = learnt(padded()), a = learnt(single(0)), b = learnt(single(1));
  ASSERT_GT(std::abs(a.loss - b.loss), 1e-4);
  const at::Tensor apart = a.gradient - b.gradient;
  const at::Tensor nearest = (both.gradient - b.gradient).dot(apart) / apart.square().sum();
  MeanOver over = GetParam().over;
  if (over == MeanOver::kNone) {  // not of the nearest share either
    const at::Tensor rest = both.gradient - b.gradient - apart * nearest;
    EXPECT_GT((rest.norm() / both.gradient.norm()).item<double>(), 1e-3);
    return;
  }
  if (over == MeanOver::kOneOfThese) {
    over = std::ranges::min(
        {MeanOver::kFrames, MeanOver::kPairsOfFrames, MeanOver::kClips}, {},
        [&](MeanOver each) { return std::abs(share_of(each, a, b) - nearest.item<double>()); });
  }
  const double share = share_of(over, a, b);
  const bool cosines = over == MeanOver::kCosines;
  const double loss = cosines ? -std::log((std::exp(-a.loss) + std::exp(-b.loss)) / 2)
                              : share * a.loss + (1 - share) * b.loss;
  EXPECT_NEAR(both.loss, loss, 1e-5 * std::max(1.0, std::abs(loss)));
  const at::Tensor mean = b.gradient + apart * share;
  EXPECT_LT((both.gradient - mean).abs().max().item<double>(), 1e-4);
  EXPECT_GT(mean.abs().max().item<double>(), 1e-3);
}

// Of every kind, also of those whose loss is no mean over clips.
TEST_P(AllKinds, MorePaddingChangesNothing) {
  TrainingBatch longer = padded();
  SpeechBatch& speech = longer.speech;
  speech.waveform = at::constant_pad_nd(speech.waveform, {0, 3200}, -0.4);
  if (traits.reads_units) longer.units = at::constant_pad_nd(longer.units, {0, 10});
  if (traits.reads_mask) speech.mask = at::constant_pad_nd(speech.mask, {0, 10});
  const LossAndGradient given = learnt(padded()), more = learnt(longer);
  EXPECT_NEAR(given.loss, more.loss, 1e-5 * std::max(1.0, std::abs(given.loss)));
  EXPECT_LT((given.gradient - more.gradient).abs().max().item<double>(), 1e-4);
  EXPECT_GT(given.gradient.abs().max().item<double>(), 1e-3);
}

TEST_P(AllKinds, TeachersRunOnceAStep) {
  std::vector<Row> wanted = objective_of(GetParam().yaml)->needs().rows;
  const auto masked = std::ranges::partition(wanted, [](const Row& row) { return !row.masked; });
  for (Row& row : masked) row.masked = false;  // as far as an open pass of the same rows
  const Subnet net = teacher.slice(teacher.space().largest());
  const auto norms_of = [&](const std::vector<Row>& rows) {
    return testing::teacher_norms_in(
        [&] { teacher_rows(rows, {&net, 1}, net.blueprint, batch.speech); });
  };
  const int64_t once = norms_of({wanted.begin(), masked.begin()});
  const int64_t again = norms_of({masked.begin(), masked.end()});
  EXPECT_EQ(once > 0, !wanted.empty());
  EXPECT_EQ(again > 0, !masked.empty());
  for (const double in_place : {0.0, 0.3}) {
    if (in_place > 0 && !traits.in_place) continue;
    const auto made = learner(in_place);
    (void)made->state();  // statistics run them too, once a run
    Gradients gradients(made->parameters());
    const auto alone = single_process_communicator();
    GradientReducer reducer(*alone, made->parameters(), gradients);
    EXPECT_EQ(testing::teacher_norms_in([&] { made->learn(batch, 3, reducer); }), once + again);
  }
}

TEST_P(AllKinds, AreRestoredFromTheirJson) {
  const auto objective = objective_of(GetParam().yaml);
  EXPECT_EQ(make_objective(objective->to_json())->to_json(), objective->to_json());
  const ObjectiveOptions options = options_of(GetParam().yaml);
  ObjectiveOptions again;
  ConfigFile file = ConfigFile::parse("objective: " + options.json);
  read_objective(file.root().section("objective"), again);
  file.finish();
  EXPECT_EQ(again, options);
}

std::vector<Case> listed_cases() {
  using enum MeanOver;
  return {
      Case{"layer_mean", kFrames, "{kind: layer_mean, top: 2, distance: mse}"},
      Case{"layer_mean_cosine", kFrames, "{kind: layer_mean, top: 3, distance: cosine}"},
      Case{"layer_pairs", kFrames, "{kind: layer_pairs}"},
      Case{"layer_pairs_rank", kFrames,
           "{kind: layer_pairs, map: last, position: rank, distance: mse, channels: none}"},
      Case{"layer_pairs_relative", kFrames,
           "{kind: layer_pairs, map: pairs, position: relative, teacher_layers: [1, 3], "
           "student_layers: [0.4, 1], weights: [0.1, 1], distance: cosine, channels: instance}"},
      Case{"layer_pairs_index", kFrames,
           "{kind: layer_pairs, map: pairs, teacher_layers: [0, 2], student_layers: [2, 3]}"},
      Case{"layer_pairs_mlp", kFrames,
           "{kind: layer_pairs, distance: nmse, channels: none, head: mlp}"},
      Case{"layer_pairs_cald", kFrames,
           "{kind: layer_pairs, distance: layer_norm_mse, channels: none, weights: [2]}"},
      Case{"layer_pairs_tinybert", kFrames,
           "{kind: layer_pairs, distance: mse, channels: none, shared_head: true, "
           "embeddings: true}"},
      Case{"prediction_heads", kFrames, "{kind: prediction_heads}"},
      Case{"prediction_heads_standard", kFrames,
           "{kind: prediction_heads, teacher_layers: [0, 2], weights: [1, 0.5], channels: "
           "standard, head: mlp, cosine_weight: 0}"},
      Case{"hints", kFrames, "{kind: hints}"},
      Case{"hints_rank", kFrames,
           "{kind: hints, map: last, position: rank, phases: 3, distance: l1}"},
      Case{"relations", kFrames, "{kind: relations}"},
      Case{"relations_last", kFrames,
           "{kind: relations, map: pairs, teacher_layers: [3], position: relative, "
           "student_layers: [1], query: 0, heads: 3}"},
      Case{"attention_scores", kPairsOfFrames, "{kind: attention_scores}"},
      Case{"attention_scores_first", kPairsOfFrames,
           "{kind: attention_scores, map: last, position: rank, heads: first}"},
      Case{"temporal_gram", kPairsOfFrames, "{kind: temporal_gram}"},
      Case{"temporal_gram_rank", kPairsOfFrames,
           "{kind: temporal_gram, map: last, position: rank, between_layers: 0.5}"},
      Case{"cka", kNone, "{kind: cka}",
           "the logarithm of a mean over clips for each pair of layers"},
      Case{"cka_pair", kCosines,
           "{kind: cka, frames: 9, map: pairs, teacher_layers: [3], position: relative, "
           "student_layers: [1]}"},
      Case{"cka_global", kClips, "{kind: cka, intra: 0, global: 1, memory: 5}"},
      Case{"cka_all", kNone, "{kind: cka, local: 0.5, global: 0.3, frames: 9, memory: 5}",
           "local: the Gram matrix of the clips of a batch"},
      Case{"prototypes", kFrames, "{kind: prototypes, count: 8}"},
      Case{"contrastive", kClips, "{kind: contrastive, queue: 6}"},
      Case{"masked_pairs", kFrames, "{kind: masked_pairs}"},
      Case{"logits", kFrames, "{kind: logits}"},
      Case{"logits_smoothed", kFrames,
           "{kind: logits, loss: cross_entropy, smoothing: 0.1, head: gelu}"},
      Case{"assistants", kFrames, "{kind: assistants, count: 3}"},
      Case{"assistants_and_regression", kFrames,
           "{kind: sum, of: [{kind: layer_mean, top: 1}, {kind: assistants, temperature: 2}]}"},
      Case{"oracle", kFrames, "{kind: oracle, dim: 5}"},
      Case{"oracle_layer", kFrames, "{kind: oracle, teacher_layer: 2, dim: 4, temperature: 2}"},
      Case{"masked_units", kFrames, "{kind: masked_units}"},
      Case{"masked_units_masked", kMaskedFrames, "{kind: masked_units, unmasked_weight: 0}"},
      Case{"masked_units_codewords", kMaskedFrames,
           "{kind: masked_units, layers: [1, 2], codeword_dim: 4, unmasked_weight: 0}"},
      Case{"masked_units_relative", kFrames,
           "{kind: masked_units, layers: [1], position: relative, codeword_dim: 4}"},
      Case{"masked_units_and_regression", kFrames,
           "{kind: sum, of: [{kind: masked_units, unmasked_weight: 0}, {kind: layer_mean, top: 1, "
           "weight: [0, 1]}]}"},
      Case{"head_layer", kFrames, "{kind: layer_mean, top: 2, head_layer: true}"},
      Case{"head_layers", kFrames,
           "{kind: sum, of: [{kind: layer_pairs, map: last, head_layer: true}, {kind: relations, "
           "map: pairs, teacher_layers: [3], position: relative, student_layers: [1], "
           "head_layer: true, weight: 0.5}, {kind: layer_mean, top: 1}]}"},
      Case{"named_teacher", kFrames,
           "{kind: layer_mean, top: 2, teachers: [teacher], standardise_teachers: true}"},
      Case{"sum_of_relations", kNone,
           "{kind: sum, of: [{kind: attention_scores, weight: [1, 0]}, {kind: temporal_gram}, "
           "{kind: layer_pairs, shared_head: true}, {kind: masked_pairs, weight: 0.2}]}",
           "means over frames and over pairs of frames"},
      Case{"sum", kFrames,
           "{kind: sum, of: [{kind: layer_mean, top: 1, weight: [1, 0], over: [0.1, 0.2]}, "
           "{kind: layer_pairs, map: gap, weight: 0.5}, {kind: layer_mean, top: 1}]}"}};
}

// And kinds that are not listed, with the defaults of their options.
const std::vector<Case>& all_cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> cases = listed_cases();
    for (const std::string& kind : objective_names()) {
      if (std::ranges::find(cases, kind, &Case::name) == cases.end())
        cases.push_back({kind, MeanOver::kOneOfThese, "{kind: " + kind + "}", ""});
    }
    return cases;
  }();
  return all;
}

INSTANTIATE_TEST_SUITE_P(Objectives, AllKinds, ::testing::ValuesIn(all_cases()),
                         [](const auto& test) { return test.param.name; });

// A kind whose loss is no mean over frames, pairs of frames or clips needs a case, which says what it is a mean over;
// and a reason where it is none.
TEST(AllKindsOfObjectives, HaveACaseThatIsAMean) {
  for (const ObjectiveKind& kind : objective_kinds()) {
    EXPECT_TRUE(std::ranges::any_of(all_cases(), [&](const Case& each) {
      const auto options = nlohmann::json::parse(options_of(each.yaml).json);
      return options.at("kind") == kind.name && each.over != MeanOver::kNone;
    })) << kind.name;
  }
  for (const Case& each : all_cases()) {
    EXPECT_EQ(each.over == MeanOver::kNone, !each.why_none.empty()) << each.name;
    if (objective_of(each.yaml)->is_mean_over_clips()) {
      EXPECT_TRUE(each.over == MeanOver::kFrames || each.over == MeanOver::kOneOfThese)
          << each.name;
    }
  }
}

TEST(LayerPairs, MapsFollowTheSupernetsIndex) {
  const auto pairs = [](LayerMap map, LayerPosition position, const char* key) {
    LayerPairsSpec spec;
    spec.map = map;
    spec.position = position;
    spec.teacher_depth = 12;
    spec.student_depth = 6;
    spec.teacher_dim = spec.student_dim = 8;
    const LayerPairsObjective objective(spec);
    std::vector<std::pair<int32_t, int32_t>> all;  // teacher layer, kept layer
    for (const LayerPair& pair : objective.pairs_of(Architecture::parse(key)))
      all.emplace_back(pair.teacher_layer, pair.student_layer);
    return all;
  };
  using Pairs = std::vector<std::pair<int32_t, int32_t>>;
  const char* kept = "e=8 p=20000 L=0:1x8,2:1x8,5:1x8";
  using enum LayerPosition;
  EXPECT_EQ(pairs(LayerMap::kFirst, kIndex, kept), (Pairs{{1, 1}, {3, 2}, {6, 3}}));
  EXPECT_EQ(pairs(LayerMap::kLast, kIndex, kept), (Pairs{{7, 1}, {9, 2}, {12, 3}}));
  EXPECT_EQ(pairs(LayerMap::kGap, kIndex, kept), (Pairs{{2, 1}, {6, 2}, {12, 3}}));
  EXPECT_EQ(pairs(LayerMap::kUniform, kIndex, kept), (Pairs{{2, 1}, {6, 2}, {12, 3}}));
  EXPECT_EQ(pairs(LayerMap::kUniform, kRank, kept), (Pairs{{4, 1}, {8, 2}, {12, 3}}));
  EXPECT_EQ(pairs(LayerMap::kLast, kRank, kept), (Pairs{{10, 1}, {11, 2}, {12, 3}}));
}

TEST(LayerPairs, TakeTheLastLayerWhereNoneOfTheirsIsKept) {
  const auto objective = objective_of(
      "{kind: layer_pairs, map: pairs, teacher_layers: [1, 2], student_layers: [2, 3]}");
  const auto* pairs = dynamic_cast<const LayerPairsObjective*>(objective.get());
  const auto found = pairs->pairs_of(Architecture::parse("e=16 p=20000 L=0:1x16"));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].teacher_layer, 2);
  EXPECT_EQ(found[0].student_layer, 1);
}

TEST(ObjectiveOptions, ProblemsNameTheOption) {
  const auto problems = [](const std::string& yaml) -> std::string {
    try {
      options_of(yaml);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(problems("{kind: layer_men}"), HasSubstr("did you mean 'layer_mean'?"));
  EXPECT_THAT(problems("{kind: masked_units, layers: [0]}"), HasSubstr("layers"));
  EXPECT_THAT(problems("{kind: layer_pairs, top: 3}"), HasSubstr("top"));
  EXPECT_THAT(problems("{kind: layer_pairs, map: pairs, teacher_layers: [1]}"),
              HasSubstr("student_layers: expected one for each of teacher_layers"));
  EXPECT_THAT(problems("{kind: sum}"), HasSubstr("of: is missing"));
  EXPECT_THAT(problems("{kind: sum, of: [{kind: layer_mean, wieght: 2}]}"),
              HasSubstr("of.0.wieght"));
  const std::vector<TeacherSize> teachers = {{4, 32, 8}};
  EXPECT_EQ(*objective_problem(options_of("{kind: layer_mean, top: 5}"), teachers),
            (std::pair<std::string, std::string>("top", "the teacher has 4 layers, not 5")));
  EXPECT_THROW(objective_of("{kind: layer_pairs, map: pairs, teacher_layers: [9], "
                            "student_layers: [1]}"),
               InputError);
  EXPECT_THROW(objective_of("{kind: masked_units, layers: [4]}"), InputError);
  EXPECT_THROW(make_objective("{\"kind\":\"layer_mean\",\"top\":1}"), InputError);  // no sizes
  EXPECT_THROW(make_objective("[]"), InputError);
}

TEST(Sum, WeightsChangeLinearlyAndAreLargestOutsideTraining) {
  const WeightSchedule schedule{1, 0.2, {0.25, 0.75}};
  EXPECT_EQ(schedule.at(0.1), 1);
  EXPECT_NEAR(schedule.at(0.5), 0.6, 1e-12);
  EXPECT_EQ(schedule.at(0.9), 0.2);
  EXPECT_EQ(schedule.at(std::nullopt), 1);
}

}  // namespace
}  // namespace concertina
