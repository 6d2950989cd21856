// Deep versus wide subnets of equal parameters, compared by scores of each clip (`eval --archs FILE --clips`).
#pragma once

#include <cstdint>
#include <string>

#include "pipeline/scores.h"
#include "report/depth_width.h"

namespace concertina {

inline constexpr double kEqualParams = 0.03;  // shapes lie within this share of their middle

// Of the models with an architecture. Differences are those of paired_differences(), of accuracies and
// of verification. InputError when there are fewer than two shapes, when their parameters differ by
// more than kEqualParams, no score is of a content or speaker task, or the shapes were scored on other
// clips than the widest.
DepthWidth depth_width_of(const Scores& scores, uint64_t seed = 0);
std::string to_json(const DepthWidth& comparison);  // with few_shapes() as "note" unless it is ""

}  // namespace concertina
