#include "distill/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "distill/train/adamw.h"

namespace concertina {
namespace {

constexpr Bounds kRates{1e-12, 1e30};
constexpr Bounds kCounts{1, 100000};
constexpr Bounds kLengths{0.1, 3600};  // of audio, s

void check(ConfigSection& section, std::string_view key, bool fine, const std::string& expected) {
  if (!fine) section.problem(key, "expected " + expected);
}

void read_optimizer(ConfigSection section, OptimizerOptions& o) {
  section.read("lr", o.lr, kRates);
  section.read("warmup", o.warmup, kShareBounds);
  section.read("final_lr", o.final_lr, kShareBounds);
  section.read("beta1", o.beta1, {0, AdamW::kMostBeta});
  section.read("beta2", o.beta2, {0, AdamW::kMostBeta});
  section.read("eps", o.eps, kRates);
  section.read("weight_decay", o.weight_decay, {0, 1000});
  section.read("clip", o.clip, {0, 1e9});
  section.read("guard", o.guard, {0, 1e9});
  check(section, "guard", o.guard == 0 || o.guard > 1, "0 (off) or a factor above 1");
}

constexpr double kShortestCrop = 0.3;  // seconds

void read_batch(ConfigSection section, BatchOptions& o) {
  section.read("crops", o.crops, kCounts);
  section.read("seconds", o.seconds, kLengths);
  section.read("within_clips", o.within_clips);
  section.read("whole_clips", o.whole_clips);
  if (o.within_clips) o.shortest = kShortestCrop;
  section.read("budget", o.budget, {0, 1e6});
  section.read("longest", o.longest, kLengths);
  section.read("shortest", o.shortest, kLengths);
  check(section, "shortest", o.shortest > 0, "a positive length");
  check(section, "within_clips", !o.within_clips || !o.whole_clips, "one of it and whole_clips");
  check(section, "longest", o.longest >= o.shortest, "at least `shortest` seconds");
  check(section, "budget", o.budget >= o.longest, "at least `longest` seconds");
  ConfigSection sources = section.section("sources");
  for (const std::string& name : sources.keys()) {
    double weight = 1;
    sources.read(name, weight, {0, 1e6});
    check(sources, name, !o.whole_clips || weight == 0 || weight == 1,
          "0 (leave it out) or 1: with whole_clips every clip is read once an epoch");
    o.source_weight[name] = weight;
  }
}

void read_checkpoint(ConfigSection section, CheckpointOptions& o) {
  section.read("minutes", o.minutes, kMinuteBounds);
  section.read("keep", o.keep, {1, 10000});
  section.read("best", o.best);
}

void read_train(ConfigSection& section, TrainOptions& o) {
  const std::vector<std::string> dtypes = {"auto", "fp32", "bf16"};
  const auto at = std::find(dtypes.begin(), dtypes.end(), o.dtype);
  auto dtype = static_cast<int32_t>(at - dtypes.begin());
  section.read("init_from", o.init_from);
  section.read("steps", o.steps, {1, 1e9});
  read_optimizer(section.section("optimizer"), o.optimizer);
  read_batch(section.section("batch"), o.batch);
  o.augment = AugmentOptions::from_config(section.section("augment"));
  section.read_choice("dtype", dtypes, dtype);
  o.dtype = dtypes[static_cast<size_t>(dtype)];
  section.read("validate_every", o.validate_every, {0, 1e9});
  section.read("validation_crops", o.validation_crops, {1, 1e6});
  read_checkpoint(section.section("checkpoint"), o.checkpoint);
  section.read("max_minutes", o.max_minutes, {0, 1e6});
}

void read_mask(ConfigSection section, double& probability, int32_t& length) {
  section.read("probability", probability, kShareBounds);
  section.read("length", length, {1, 10000});
  check(section, "probability", probability < 1, "a number from 0 to below 1");
}

void read_units(ConfigSection section, UnitOptions& o) {
  int32_t features = 0;
  std::string model;
  section.read_choice("features", {"mfcc", "layer"}, features);
  section.read("model", model);
  section.read("layer", o.layer, {0, 1000});
  o.features = features == 1 ? "layer" : "mfcc";
  o.model = model;
  check(section, "model", model.empty() == (features == 0),
        "the file of a trained model with features: layer, and none with mfcc");
  check(section, "layer", features == 1 ? o.layer >= 1 : o.layer == 0,
        "a layer of the model, counted from 1, with features: layer");
  section.read("coefficients", o.coefficients, {1, 40});
  section.read("splice", o.splice, {1, 1000});
  section.read("clusters", o.clusters, {2, 32767});
  section.read("sample_frames", o.sample_frames, {2, 1e9});
  section.read("iterations", o.iterations, {1, 10000});
  check(section, "sample_frames", o.sample_frames >= o.clusters,
        "at least as many frames as clusters");
}

void read_objective(ConfigSection section, ObjectiveOptions& o) {
  int32_t kind = 0, distance = o.distance == "mse" ? 1 : 0;
  section.read_choice("kind", {"layer_mean"}, kind);
  section.read("top", o.top, {1, 1000});
  section.read_choice("distance", {"l1", "mse"}, distance);
  section.read("instance_norm", o.instance_norm);
  o.distance = distance == 1 ? "mse" : "l1";
}

void read_sampler(ConfigSection section, DistillOptions& o) {
  auto kind = static_cast<int32_t>(o.sampler.kind);
  section.read_choice("kind", {"largest", "random", "sandwich", "pareto", "whole"}, kind);
  section.read("random", o.sampler.random, {0, 64});
  section.read("candidates", o.sampler.candidates, {1, 10000});
  section.read("progressive", o.sampler.progressive, kShareBounds);
  section.read("in_place", o.in_place);
  o.sampler.kind = static_cast<SamplerKind>(kind);
  const bool with_largest =
      o.sampler.kind == SamplerKind::kSandwich || o.sampler.kind == SamplerKind::kPareto;
  check(section, "in_place", !o.in_place || with_largest,
        "kind: sandwich or pareto with it, for the smaller subnets learn from the largest");
}

// What is known of LightHuBERT's training: paper, checkpoints and issues; the optimiser is data2vec
// audio base's, whose settings it shares where they are known. Explicit keys override.
void apply_lighthubert(DistillOptions& o, int32_t stage) {
  o.objective = {.kind = "layer_mean", .top = 8, .distance = "l1", .instance_norm = true};
  o.mask_probability = 0.65;
  o.mask_length = 10;
  o.in_place = false;
  o.sampler = {};
  if (stage > 1) o.sampler.kind = SamplerKind::kRandom;
  OptimizerOptions& optimizer = o.train.optimizer;
  optimizer = {};
  optimizer.lr = 5e-4;
  optimizer.warmup = 0.03;
  optimizer.clip = 0;
}

}  // namespace

PretrainOptions PretrainOptions::from_config(ConfigSection section) {
  PretrainOptions o;
  read_train(section, o.train);
  read_units(section.section("units"), o.units);
  read_mask(section.section("mask"), o.mask_probability, o.mask_length);
  section.read("unmasked_weight", o.unmasked_weight, {0, 1000});
  section.read("layers", o.layers);
  const auto one_based = [](int32_t layer) { return layer >= 1; };
  check(section, "layers", std::all_of(o.layers.begin(), o.layers.end(), one_based),
        "layer numbers, counted from 1");
  return o;
}

DistillOptions DistillOptions::from_config(ConfigSection section, int32_t stage) {
  DistillOptions o;
  o.train.steps = stage == 1 ? 450 : 650;
  o.train.optimizer.lr = 1e-3;
  o.init = stage == 1 ? StudentInit::kTeacher : StudentInit::kPreviousStage;
  o.sampler.kind = stage == 1 ? SamplerKind::kLargest : SamplerKind::kSandwich;
  int32_t preset = 0;
  section.read_choice("preset", {"concertina", "lighthubert"}, preset);
  if (preset == 1) apply_lighthubert(o, stage);
  read_train(section, o.train);
  read_objective(section.section("objective"), o.objective);
  auto init = static_cast<int32_t>(o.init);
  section.read_choice("init", {"teacher", "random", "previous"}, init);
  o.init = static_cast<StudentInit>(init);
  check(section, "init_from", o.train.init_from.empty() || !section.has("init"),
        "either init or init_from");
  if (!o.train.init_from.empty()) o.init = StudentInit::kFolder;
  check(section, "init", stage > 1 || o.init != StudentInit::kPreviousStage,
        "teacher or random: stage 1 has no stage before it");
  read_sampler(section.section("sampler"), o);
  auto cache = static_cast<int32_t>(o.cache);
  section.section("cache").read_choice("dtype", {"none", "fp16", "int8"}, cache);
  o.cache = static_cast<CacheDtype>(cache);
  read_mask(section.section("mask"), o.mask_probability, o.mask_length);
  return o;
}

}  // namespace concertina
