// What every training stage shares: optimiser, batches, validation, checkpoints, and the sampler of
// subnets.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/config.h"
#include "distill/data/options.h"
#include "speech/augmentation.h"

namespace concertina {

struct OptimizerOptions {
  double lr = 1.5e-3;      // peak
  double warmup = 0.08;    // share of the steps, linear
  double final_lr = 0.01;  // share of the peak at the last step, linear decay
  double beta1 = 0.9, beta2 = 0.98, eps = 1e-6;
  double weight_decay = 0.01;  // matrices and convolutions only
  double clip = 1.0;           // global gradient norm; 0: off
  double guard = 5.0;          // a loss above this times its running mean skips the step; 0: off
};

struct CheckpointOptions {
  double minutes = 5;  // between checkpoints
  int32_t keep = 2;    // of the newest
  bool best = true;    // keep the model of the best validation too
};

struct TrainOptions {
  std::filesystem::path init_from;  // folder of a finished stage: its weights and heads; "": none
  int64_t steps = 1500;
  OptimizerOptions optimizer;
  BatchOptions batch;
  AugmentOptions augment;        // of what is trained on, not of validation
  std::string dtype = "auto";    // fp32 | bf16 | auto (bf16 where the machine is fast at it)
  int64_t validate_every = 250;  // steps; 0: only at the end
  int32_t validation_crops = 32;
  CheckpointOptions checkpoint;
  double max_minutes = 0;  // cap; 0: none
};
void read_train(ConfigSection& section, TrainOptions& options);
void read_mask(ConfigSection section, double& probability, int32_t& length);

// kWhole: SearchSpace::whole(), the storage's full shape.
enum class SamplerKind { kLargest, kRandom, kSandwich, kPareto, kWhole };

struct SamplerOptions {
  SamplerKind kind = SamplerKind::kLargest;
  int32_t random = 1;      // subnets beside largest and smallest, for sandwich and pareto
  int32_t candidates = 4;  // of which pareto takes one
  double progressive = 0;  // share of the steps over which the space opens up; 0: open at once
};
void read_sampler(ConfigSection& section, SamplerOptions& options);

}  // namespace concertina
