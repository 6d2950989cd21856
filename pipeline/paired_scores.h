// Paired bootstrap tests of two models from scores of each clip (`eval --clips`).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/scores.h"

namespace concertina {

struct ScoreDifference {
  std::string metric;
  double first = 0, second = 0;  // values of the two models, in the metric's unit
  PairedTest test;               // of first less second, in the metric's unit
  int64_t clips = 0;
};

// A model among scores.
struct ScoredBy {
  const Scores* scores;
  const ScoredModel* model;
};

// Of each metric that both have results of clips for, in the order of `a`: accuracies, and equal
// error rate and detection cost of verification; may be empty. InputError when the two were scored on
// other clips.
std::vector<ScoreDifference> common_differences(const ScoredBy& a, const ScoredBy& b,
                                                uint64_t seed = 0);
// The same; InputError when no metric has results of clips.
std::vector<ScoreDifference> paired_differences(const ScoredBy& a, const ScoredBy& b);

}  // namespace concertina
