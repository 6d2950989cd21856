// SUPERB's formula over proxy tasks: how far a model is from features without learning to its
// teacher, in one number.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/scores.h"

namespace concertina {

inline constexpr const char* kProxyScore = "proxy_s";

struct ProxyScores {
  std::string baseline, ceiling;                 // models: 0 and 1000
  std::vector<std::string> metrics, left_out;    // left out: the ceiling is not clearly better
  std::vector<std::optional<double>> of_models;  // nullopt: a metric is missing
};

// anchored_score() (eval/superb.h) of each model over the metrics of the proxy tasks, between the
// model "fbank" (without it, "mfcc") and the model "teacher". A metric in which the teacher is not
// better than the baseline, or their intervals overlap, says nothing of what was learnt and is left out:
// the formula divides by their difference. No model has a score when no metric is left. nullopt without
// these two models or their metrics.
std::optional<ProxyScores> proxy_scores(const Scores& scores);

// "proxy_s: 1000 (score - fbank) / (teacher - fbank), a mean over tasks; without sid.acc, where the
// teacher is not clearly better than fbank"; or that it is so in all.
std::string proxy_note(const ProxyScores& scores);

}  // namespace concertina
