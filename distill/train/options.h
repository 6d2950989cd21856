// What every training stage shares: optimiser, batches, validation, checkpoints, and the sampler of
// subnets. `concertina config stage1` describes each option.
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/config.h"
#include "core/enum_names.h"
#include "core/precision.h"
#include "distill/data/options.h"
#include "distill/train/regularization.h"
#include "speech/augmentation.h"

namespace concertina {

enum class LrSchedule { kLinear, kCosine, kInverseSqrt, kTriStage, kConstant, kRangeTest };
template <>
inline constexpr auto kEnumNames<LrSchedule> =
    name_table("linear", "cosine", "inverse_sqrt", "tri_stage", "constant", "range_test");

// Factors of the learning rate by part of the model: distill/train/rate_scales.h. 0: frozen.
struct RateScales {
  double front_end = 1;
  double layers = 1;  // of everything but prediction heads
  double layer_decay = 1;
  double matrices = 1;  // of `layers`, those tensors with two dimensions or more
  double heads = 1;
  bool operator==(const RateScales&) const = default;
};

struct OptimizerOptions {
  double lr = 1.5e-3;
  LrSchedule schedule = LrSchedule::kLinear;  // distill/train/schedule.h
  double warmup = 0.08;
  double decay = 0.2;
  double final_lr = 0.01;
  double beta1 = 0.9, beta2 = 0.98, eps = 1e-6;
  double weight_decay = 0.01;
  double clip = 1.0;   // 0: off
  double guard = 5.0;  // 0: off
  RateScales rate_scales;
  bool sharded = false;  // moments are divided among processes: distill/train/moment_shards.h
};

enum class SavedWeights { kWeights, kEma };
template <>
inline constexpr auto kEnumNames<SavedWeights> = name_table("weights", "ema");

// Exponential moving average of the weights: distill/train/weight_average.h.
struct EmaOptions {
  double decay = 0;  // 0: off
  SavedWeights save = SavedWeights::kWeights;
};

struct CheckpointOptions {
  double minutes = 5;
  int32_t keep = 2;
  bool best = true;
};

struct TrainOptions {
  std::filesystem::path init_from;  // "": none
  int64_t steps = 1500;
  int32_t accumulate = 1;
  OptimizerOptions optimizer;
  EmaOptions ema;
  BatchOptions batch;
  AugmentOptions augment;  // of training batches, not of validation
  RegularizationOptions regularization;
  bool recompute_layers = false;
  Precision dtype = Precision::kAuto;
  int64_t validate_every = 250;  // 0: only at the end
  int32_t validation_crops = 32;
  int32_t patience = 0;        // 0: off
  int64_t snapshot_every = 0;  // steps; 0: never
  Precision save_dtype = Precision::kFp32;
  CheckpointOptions checkpoint;
  double max_minutes = 0;  // 0: no limit
};
const OptionTable<TrainOptions>& train_table();

// kWhole: SearchSpace::whole(), the storage's full shape. kAlternating: one subnet in each step.
// kSubnet: SamplerOptions::subnet alone.
enum class SamplerKind { kLargest, kRandom, kSandwich, kPareto, kAlternating, kWhole, kSubnet };
template <>
inline constexpr auto kEnumNames<SamplerKind> =
    name_table("largest", "random", "sandwich", "pareto", "alternating", "whole", "subnet");

struct SamplerOptions {
  SamplerKind kind = SamplerKind::kLargest;
  std::string subnet;  // as resolve_architecture() takes it
  int32_t random = 1;
  bool in_place = false;
  double in_place_weight = 1;
  int32_t largest_every = 1;
  int32_t candidates = 4;
  double progressive = 0;
};
const OptionTable<SamplerOptions>& sampler_table();

}  // namespace concertina
