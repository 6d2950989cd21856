// Options of a distillation stage. `concertina config stage1` describes each of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/config.h"
#include "core/enum_names.h"
#include "distill/objective/options.h"
#include "distill/pretrain/options.h"
#include "distill/train/drop_masked.h"
#include "distill/train/options.h"
#include "speech/mask.h"

namespace concertina {

enum class StudentInit { kTeacher, kRandom, kPreviousStage, kFolder };  // kFolder: init_from
template <>
inline constexpr auto kEnumNames<StudentInit> =
    name_table("teacher", "random", "previous", "folder");

enum class DistillPreset { kConcertina, kLightHubert };
template <>
inline constexpr auto kEnumNames<DistillPreset> = name_table("concertina", "lighthubert");

struct DistillOptions {
  DistillPreset preset = DistillPreset::kConcertina;  // where the other defaults came from
  TrainOptions train;
  ObjectiveOptions objective;
  std::optional<UnitOptions> units;  // where the objective predicts units
  StudentInit init = StudentInit::kTeacher;
  std::filesystem::path clips;  // list of the training clips; "": all
  SamplerOptions sampler;
  MaskOptions mask{.probability = 0, .length = 10};
  bool masked_only = false;  // the loss is over masked frames
  DropMasked drop_masked = DropMasked::kNone;
  bool fresh_heads = false;  // init: previous and init_from take no prediction heads
  bool rows_of_other_clips = false;
  CacheDtype cache = CacheDtype::kNone;
  static DistillOptions from_config(ConfigSection section, int32_t stage);
};
DistillOptions distill_defaults(int32_t stage);
const OptionTable<DistillOptions>& distill_table(int32_t stage);

// All settings that determine a run's results; see to_json(PretrainOptions).
std::string to_json(const DistillOptions& options);

}  // namespace concertina
