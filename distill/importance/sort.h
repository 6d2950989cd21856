// The importance sort between stage 1 and stage 2: units change places once, so that slicing keeps
// the best of them. The full network stays what it was; its output channels come in the new order,
// and so do the inputs of the heads that read them.
//
//   SortResult sorted = sort_units({.score = SortScore::kActivation}, inputs);
//   save_model(sorted.model, ...); save_objective(*objective, sorted.heads, ...);
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/enum_names.h"
#include "distill/objective/objective_file.h"
#include "speech/manifest.h"
#include "supernet/model/unit_order.h"

namespace concertina {

enum class SortScore {
  kActivation,  // supernet/model/activation_scores.h
  kTaylor,      // distill/importance/taylor_scores.h
  kMagnitude    // magnitude_scores: the only one without data
};
template <>
inline constexpr auto kEnumNames<SortScore> = name_table("activation", "taylor", "magnitude");

inline constexpr Bounds kSortSeconds{0.1, 1e6};  // of audio

struct SortOptions {
  SortScore score = SortScore::kActivation;
  double seconds = 96;
  std::map<std::string, double> source_weight;  // as in training
  uint64_t seed = 0;
  static SortOptions from_config(ConfigSection section);
};
const OptionTable<SortOptions>& sort_table();  // score, seconds

struct SortInputs {
  const Supernet& model;
  const TrainedObjective* trained = nullptr;  // heads that read the model: needed by Taylor
  const Supernet* teacher = nullptr;          // needed by Taylor
  const Manifest* manifest = nullptr;         // needed unless by magnitude
};

struct SortResult {
  Supernet model;   // its provenance says how it was sorted
  TensorMap heads;  // of `trained`, in the new order; empty without it
  UnitOrders orders;
  double change = 0;  // of the full network's output: largest difference / largest value
};

// The largest change that rounding may make.
inline constexpr double kMostSortChange = 1e-4;

// The same inputs, options and number of threads give the same result. InputError when an input is
// missing or the model has ties that are not known (see unit_axes); CheckFailed when the output
// changed by more than kMostSortChange.
SortResult sort_units(const SortOptions& options, const SortInputs& inputs);

}  // namespace concertina
