// Which objective the student is trained with.
#pragma once

#include <cstdint>

#include "core/config.h"
#include "core/enum_names.h"

namespace concertina {

enum class ObjectiveKind { kLayerMean, kMaskedUnits };
template <>
inline constexpr auto kEnumNames<ObjectiveKind> = name_table("layer_mean", "masked_units");

enum class Distance { kL1, kMse };
template <>
inline constexpr auto kEnumNames<Distance> = name_table("l1", "mse");

// `concertina config stage1.objective` describes each option.
struct ObjectiveOptions {
  ObjectiveKind kind = ObjectiveKind::kLayerMean;
  int32_t top = 4;
  Distance distance = Distance::kL1;
  bool instance_norm = true;
};
const OptionTable<ObjectiveOptions>& objective_table();

}  // namespace concertina
