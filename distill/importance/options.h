// How prunable units are scored and sorted.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/config.h"
#include "core/enum_names.h"

namespace concertina {

enum class SortScore {
  kActivation,  // supernet/model/activation_scores.h
  kTaylor,      // distill/importance/taylor_scores.h
  kMagnitude,   // magnitude_scores: needs no data
};
template <>
inline constexpr auto kEnumNames<SortScore> = name_table("activation", "taylor", "magnitude");

inline constexpr Bounds kSortSeconds{0.1, 1e6};  // of audio

struct SortOptions {
  SortScore score = SortScore::kActivation;
  double seconds = 96;                          // of training audio for the scores
  std::map<std::string, double> source_weight;  // as in training
  uint64_t seed = 0;
  static SortOptions from_config(ConfigSection section);
};
const OptionTable<SortOptions>& sort_table();  // score, seconds

}  // namespace concertina
