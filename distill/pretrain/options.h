// Options of the teacher's pretraining. `concertina config teacher` describes each of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/enum_names.h"
#include "core/option_table.h"
#include "distill/train/options.h"
#include "speech/mask.h"

namespace concertina {

// kLayer: hidden states of a trained model; kTeacher: of a distillation stage's teacher.
enum class UnitSource { kMfcc, kLayer, kTeacher };
template <>
inline constexpr auto kEnumNames<UnitSource> = name_table("mfcc", "layer", "teacher");

struct UnitOptions {
  UnitSource features = UnitSource::kMfcc;
  int32_t coefficients = 13;
  int32_t splice = 10;
  int32_t clusters = 200;
  int32_t sample_frames = 90000;
  int32_t iterations = 15;
  int32_t restarts = 0;
  std::filesystem::path model;  // kLayer
  int32_t layer = 0;            // kLayer, kTeacher; 1: the first layer's output
};
const OptionTable<UnitOptions>& pretrain_unit_table();
const OptionTable<UnitOptions>& stage_unit_table();  // may cluster the teacher's features

struct PretrainOptions {
  TrainOptions train;
  UnitOptions units;
  MaskOptions mask{.probability = 0.45, .length = 5};
  double unmasked_weight = 1.0;
  std::vector<int32_t> layers = {2, 4};
  int32_t codeword_dim = 0;  // MaskedUnitsSpec
  double temperature = 0.1;
  // The teacher's own shape: the space's largest architecture at the base frame period.
  static PretrainOptions from_config(ConfigSection section);
};
const OptionTable<PretrainOptions>& pretrain_table();

// All settings that determine a run's results, for its config fingerprint. Time limits, checkpoint
// intervals and the guard are left out: a stopped run may resume with others.
std::string to_json(const PretrainOptions& options);

}  // namespace concertina
