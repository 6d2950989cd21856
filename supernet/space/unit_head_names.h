// Names of the tensors of a unit head in a model file (supernet/model/unit_head.h). They are no part of
// the table of tensors: no slice has them, and they are not counted.
#pragma once

#include <string_view>

namespace concertina {

inline constexpr std::string_view kUnitHead = "unit_head.";  // before all of them
inline constexpr const char* kUnitHeadWeight = "unit_head.weight";
inline constexpr const char* kUnitHeadBias = "unit_head.bias";
inline constexpr const char* kUnitHeadCodewords = "unit_head.codewords";
inline constexpr const char* kUnitHeadTemperature = "unit_head.temperature";

}  // namespace concertina
