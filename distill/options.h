// Everything a training run can be told, read from YAML; see configs/quickstart.yaml.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/config.h"
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

struct BatchOptions {
  int32_t crops = 8;
  double seconds = 3.0;               // of one crop
  bool within_clips = false;          // crops of one clip each; shorter clips give shorter crops
  bool whole_clips = false;           // instead of crops; then the three below count
  double budget = 60;                 // seconds of a batch, padding counted
  double longest = 20, shortest = 1;  // seconds; longer clips are cropped, shorter left out
  std::map<std::string, double> source_weight;  // how often a minute of a source is drawn
};

struct CheckpointOptions {
  double minutes = 5;  // between checkpoints
  int32_t keep = 2;    // of the newest
  bool best = true;    // keep the model of the best validation too
};

// What every stage shares.
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

struct UnitOptions {
  std::string features = "mfcc";  // mfcc | layer: hidden states of a trained model
  std::filesystem::path model;    // of which; layer only
  int32_t layer = 0;              // 1: the first layer's output
  int32_t coefficients = 13;
  int32_t splice = 10;  // 10 ms frames joined
  int32_t clusters = 200;
  int32_t sample_frames = 90000;  // frames k-means is fitted on
  int32_t iterations = 15;
};

struct PretrainOptions {
  TrainOptions train;
  UnitOptions units;
  double mask_probability = 0.45;
  int32_t mask_length = 5;       // base frames
  double unmasked_weight = 1.0;  // weight of the loss on unmasked frames; HuBERT: 0
  std::vector<int32_t> layers = {
      2, 4};  // where the unit loss is taken (ILS-SSL); 1-based, last layer always
  // The teacher's own shape: the space's largest architecture at the base frame period.
  static PretrainOptions from_config(ConfigSection section);
};

enum class StudentInit { kTeacher, kRandom, kPreviousStage, kFolder };  // kFolder: init_from
// kWhole: SearchSpace::whole(), the storage's full shape.
enum class SamplerKind { kLargest, kRandom, kSandwich, kPareto, kWhole };

struct SamplerOptions {
  SamplerKind kind = SamplerKind::kLargest;
  int32_t random = 1;      // subnets beside largest and smallest, for sandwich and pareto
  int32_t candidates = 4;  // of which pareto takes one
  double progressive = 0;  // share of the steps over which the space opens up; 0: open at once
};

struct ObjectiveOptions {
  std::string kind = "layer_mean";
  int32_t top = 4;              // mean of the FFN results of the teacher's last `top` layers
  std::string distance = "l1";  // l1 | mse
  bool instance_norm = true;    // each layer normalised over time first (data2vec)
};

enum class CacheDtype { kNone, kFp16, kInt8 };

struct DistillOptions {
  TrainOptions train;
  ObjectiveOptions objective;
  CacheDtype cache = CacheDtype::kNone;  // of the teacher's targets, on disk
  StudentInit init = StudentInit::kTeacher;
  SamplerOptions sampler;
  bool in_place =
      false;  // smaller subnets learn from the largest's output instead of the teacher's
  double mask_probability = 0;  // of the student's input; LightHuBERT: 0.65
  int32_t mask_length = 10;
  static DistillOptions from_config(ConfigSection section, int32_t stage);
};

}  // namespace concertina
