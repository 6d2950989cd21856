// The bounds within which a study's hypervolume is measured. Private to search/.
#pragma once

#include <span>
#include <vector>

#include "search/evaluator.h"
#include "study/study_header.h"
#include "supernet/space/search_space.h"

namespace concertina {

// Percentages have 0 to 100. Metrics that the evaluator knows without scoring (parameters, MACs,
// predicted latency) and losses span from the smallest to the largest member of the space, so that
// studies of one space and model share their bounds. A loss for which those two are not among the
// complete trials of the first generation spans that generation. Empty when no trial is complete.
std::vector<ObjectiveBounds> fixed_bounds(const SearchSpace& space, const Evaluator& evaluator,
                                          const std::vector<MetricInfo>& objectives,
                                          std::span<const Trial> first_generation);
// The span of the complete trials: the bounds of studies of schema 1.
std::vector<ObjectiveBounds> spanned_bounds(const std::vector<MetricInfo>& objectives,
                                            std::span<const Trial> trials);

}  // namespace concertina
