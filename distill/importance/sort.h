// The importance sort between stage 1 and stage 2: prunable units are permuted once, so that
// slicing keeps the most important ones. The full network computes the same; its output channels
// are in the new order, and so are the inputs of the prediction heads.
//
//   SortResult sorted = sort_units({.score = SortScore::kActivation}, inputs);
//   save_model(sorted.model, ...); save_objective(*objective, sorted.heads, ...);
#pragma once

#include "distill/importance/options.h"
#include "distill/objective/objective_file.h"
#include "speech/manifest.h"
#include "supernet/model/unit_order.h"

namespace concertina {

struct SortInputs {
  const Supernet& model;
  const TrainedObjective* trained = nullptr;  // trained with the model; needed by Taylor
  const Supernet* teacher = nullptr;          // needed by Taylor
  const Manifest* manifest = nullptr;         // needed by all scores but magnitude
};

struct SortResult {
  Supernet model;   // its provenance names the score
  TensorMap heads;  // prediction heads of `trained`, in the new order; empty without it
  UnitOrders orders;
  double change = 0;  // of the full network's output: max |difference| / max |value|
};

// The largest change by rounding.
inline constexpr double kMaxSortChange = 1e-4;

// The same inputs, options and number of threads give the same result. InputError when an input is
// missing, the objective is of a model of another width, or the model ties units in a way that
// unit_axes does not support; CheckFailed when the output changed by more than kMaxSortChange.
SortResult sort_units(const SortOptions& options, const SortInputs& inputs);

}  // namespace concertina
