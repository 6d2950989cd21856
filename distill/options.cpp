#include "distill/options.h"

#include <algorithm>

namespace concertina {
namespace {

void check(ConfigSection& section, std::string_view key, bool fine, const std::string& expected) {
  if (!fine) section.problem(key, "expected " + expected);
}

void read_optimizer(ConfigSection section, OptimizerOptions& o) {
  section.read("lr", o.lr);
  section.read("warmup", o.warmup);
  section.read("final_lr", o.final_lr);
  section.read("beta1", o.beta1);
  section.read("beta2", o.beta2);
  section.read("eps", o.eps);
  section.read("weight_decay", o.weight_decay);
  section.read("clip", o.clip);
  check(section, "lr", o.lr > 0, "a positive rate");
  check(section, "warmup", o.warmup >= 0 && o.warmup <= 1, "a share of the steps, 0 to 1");
  check(section, "final_lr", o.final_lr >= 0 && o.final_lr <= 1, "a share of lr, 0 to 1");
  check(section, "beta1", o.beta1 >= 0 && o.beta1 < 1, "a number from 0 to below 1");
  check(section, "beta2", o.beta2 >= 0 && o.beta2 < 1, "a number from 0 to below 1");
  check(section, "eps", o.eps > 0, "a positive number");
  check(section, "weight_decay", o.weight_decay >= 0, "0 or more");
  check(section, "clip", o.clip >= 0, "0 (off) or more");
}

void read_batch(ConfigSection section, BatchOptions& o) {
  section.read("crops", o.crops);
  section.read("seconds", o.seconds);
  ConfigSection sources = section.section("sources");
  for (const std::string& name : sources.keys()) {
    double weight = 1;
    sources.read(name, weight);
    check(sources, name, weight >= 0, "a weight of 0 or more");
    o.source_weight[name] = weight;
  }
  check(section, "crops", o.crops > 0, "one crop or more");
  check(section, "seconds", o.seconds > 0, "a positive length");
}

void read_train(ConfigSection& section, TrainOptions& o) {
  const std::vector<std::string> dtypes = {"auto", "fp32", "bf16"};
  const auto at = std::find(dtypes.begin(), dtypes.end(), o.dtype);
  auto dtype = static_cast<int32_t>(at - dtypes.begin());
  section.read("steps", o.steps);
  read_optimizer(section.section("optimizer"), o.optimizer);
  read_batch(section.section("batch"), o.batch);
  section.read_choice("dtype", dtypes, dtype);
  o.dtype = dtypes[static_cast<size_t>(dtype)];
  section.read("validate_every", o.validate_every);
  section.read("validation_crops", o.validation_crops);
  section.read("checkpoint_minutes", o.checkpoint_minutes);
  section.read("max_minutes", o.max_minutes);
  check(section, "steps", o.steps > 0, "one step or more");
  check(section, "validate_every", o.validate_every >= 0, "0 (only at the end) or more");
  check(section, "validation_crops", o.validation_crops > 0, "one crop or more");
  check(section, "checkpoint_minutes", o.checkpoint_minutes > 0, "a positive number of minutes");
  check(section, "max_minutes", o.max_minutes >= 0, "0 (no cap) or more");
}

void read_mask(ConfigSection section, double& probability, int32_t& length) {
  section.read("probability", probability);
  section.read("length", length);
  check(section, "probability", probability >= 0 && probability < 1, "a number from 0 to below 1");
  check(section, "length", length > 0, "one frame or more");
}

void read_units(ConfigSection section, UnitOptions& o) {
  int32_t features = 0;
  section.read_choice("features", {"mfcc"}, features);
  section.read("coefficients", o.coefficients);
  section.read("splice", o.splice);
  section.read("clusters", o.clusters);
  section.read("sample_frames", o.sample_frames);
  section.read("iterations", o.iterations);
  check(section, "coefficients", o.coefficients >= 1 && o.coefficients <= 40, "1 to 40");
  check(section, "splice", o.splice >= 1 && o.splice <= 1000, "1 to 1000 frames of 10 ms");
  check(section, "clusters", o.clusters >= 2 && o.clusters <= 32767, "2 to 32767");
  check(section, "sample_frames", o.sample_frames >= o.clusters,
        "at least as many frames as clusters");
  check(section, "iterations", o.iterations >= 1, "one or more");
}

void read_objective(ConfigSection section, ObjectiveOptions& o) {
  int32_t kind = 0, distance = o.distance == "mse" ? 1 : 0;
  section.read_choice("kind", {"layer_mean"}, kind);
  section.read("top", o.top);
  section.read_choice("distance", {"l1", "mse"}, distance);
  section.read("instance_norm", o.instance_norm);
  o.distance = distance == 1 ? "mse" : "l1";
  check(section, "top", o.top >= 1, "one layer or more");
}

void read_sampler(ConfigSection section, DistillOptions& o) {
  auto kind = static_cast<int32_t>(o.sampler);
  section.read_choice("kind", {"largest", "random", "sandwich", "whole"}, kind);
  section.read("random", o.random_subnets);
  section.read("in_place", o.in_place);
  o.sampler = static_cast<SamplerKind>(kind);
  check(section, "random", o.random_subnets >= 0, "0 or more");
  check(section, "in_place", !o.in_place || o.sampler == SamplerKind::kSandwich,
        "kind: sandwich with it, for the smaller subnets learn from the largest");
}

}  // namespace

PretrainOptions PretrainOptions::from_config(ConfigSection section) {
  PretrainOptions o;
  read_train(section, o.train);
  read_units(section.section("units"), o.units);
  read_mask(section.section("mask"), o.mask_probability, o.mask_length);
  section.read("unmasked_weight", o.unmasked_weight);
  section.read("layers", o.layers);
  check(section, "unmasked_weight", o.unmasked_weight >= 0, "0 or more");
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
  o.sampler = stage == 1 ? SamplerKind::kLargest : SamplerKind::kSandwich;
  read_train(section, o.train);
  read_objective(section.section("objective"), o.objective);
  auto init = static_cast<int32_t>(o.init);
  section.read_choice("init", {"teacher", "random", "previous"}, init);
  o.init = static_cast<StudentInit>(init);
  check(section, "init", stage > 1 || o.init != StudentInit::kPreviousStage,
        "teacher or random: stage 1 has no stage before it");
  read_sampler(section.section("sampler"), o);
  read_mask(section.section("mask"), o.mask_probability, o.mask_length);
  return o;
}

}  // namespace concertina
