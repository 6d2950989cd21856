// Options of the teacher's pretraining; see configs/quickstart.yaml.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/config.h"
#include "distill/train/options.h"

namespace concertina {

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

// JSON with everything that settles a run's numbers; time caps, checkpoint rhythm and the
// guard are left out, so that a stopped run may go on with others.
std::string to_json(const PretrainOptions& options);

}  // namespace concertina
