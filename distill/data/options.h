// How training audio is cut into batches, and how teacher targets are cached.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/config.h"
#include "core/enum_names.h"

namespace concertina {

// Crops of the clips of a source joined end to end, of one clip each (`within_clips`), or whole
// clips. `concertina config stage1.batch` describes each option.
struct BatchOptions {
  int32_t crops = 8;
  double seconds = 3.0;
  bool within_clips = false;
  bool whole_clips = false;
  double budget = 60;
  double longest = 20, shortest = 1;
  std::map<std::string, double> source_weight;
};
const OptionTable<BatchOptions>& batch_table();

enum class CacheDtype { kNone, kFp16, kInt8 };
template <>
inline constexpr auto kEnumNames<CacheDtype> = name_table("none", "fp16", "int8");

}  // namespace concertina
