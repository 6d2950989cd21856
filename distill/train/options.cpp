#include "distill/train/options.h"

#include <algorithm>
#include <vector>

#include "distill/train/adamw.h"

namespace concertina {
namespace {

constexpr Bounds kRates{1e-12, 1e30};

void read_optimizer(ConfigSection section, OptimizerOptions& o) {
  section.read("lr", o.lr, kRates);
  section.read("warmup", o.warmup, kShareBounds);
  section.read("final_lr", o.final_lr, kShareBounds);
  section.read("beta1", o.beta1, {0, AdamW::kMaxBeta});
  section.read("beta2", o.beta2, {0, AdamW::kMaxBeta});
  section.read("eps", o.eps, kRates);
  section.read("weight_decay", o.weight_decay, {0, 1000});
  section.read("clip", o.clip, {0, 1e9});
  section.read("guard", o.guard, {0, 1e9});
  check_option(section, "guard", o.guard == 0 || o.guard > 1, "0 (off) or a factor above 1");
}

void read_checkpoint(ConfigSection section, CheckpointOptions& o) {
  section.read("minutes", o.minutes, kMinuteBounds);
  section.read("keep", o.keep, {1, 10000});
  section.read("best", o.best);
}

}  // namespace

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
  check_option(section, "probability", probability < 1, "a number from 0 to below 1");
}

void read_sampler(ConfigSection& section, SamplerOptions& o) {
  auto kind = static_cast<int32_t>(o.kind);
  section.read_choice("kind", {"largest", "random", "sandwich", "pareto", "whole"}, kind);
  section.read("random", o.random, {0, 64});
  section.read("candidates", o.candidates, {1, 10000});
  section.read("progressive", o.progressive, kShareBounds);
  o.kind = static_cast<SamplerKind>(kind);
}

}  // namespace concertina
