// The front of a study as trials come in, and its hypervolume within bounds that stay the same from
// the first generation on. Private to search/.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "study/study_file.h"
#include "search/evaluator.h"
#include "study/pareto.h"

namespace concertina {

// The bounds that a study keeps. Per cents have 0 to 100; what the evaluator knows without scoring
// (parameters, MACs, predicted latency) and the losses span from the smallest to the largest member
// of the space, so that studies of one space and model share them. A loss whose corners are not
// among the complete trials of the first generation spans what that generation spans. Empty when no
// trial is complete.
std::vector<ObjectiveBounds> fixed_bounds(const SearchSpace& space, const Evaluator& evaluator,
                                          const std::vector<MetricInfo>& objectives,
                                          std::span<const Trial> first_generation);
// What the complete trials span: the bounds that studies of schema 1 began with.
std::vector<ObjectiveBounds> spanned_bounds(const std::vector<MetricInfo>& objectives,
                                            std::span<const Trial> trials);

class FrontTracker {
 public:
  explicit FrontTracker(std::vector<MetricInfo> objectives) : objectives_(std::move(objectives)) {}
  void add(std::span<const Trial> trials);
  // In units of the box that the bounds span, against reference_point(); 0 without bounds.
  double volume(const std::vector<ObjectiveBounds>& bounds) const;
  int64_t size() const { return static_cast<int64_t>(front_.size()); }

 private:
  std::vector<MetricInfo> objectives_;
  std::vector<Trial> front_;
};

}  // namespace concertina
