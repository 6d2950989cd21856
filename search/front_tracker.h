// The front of a study as trials are added, and its hypervolume. Private to search/.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "study/study_header.h"

namespace concertina {

class FrontTracker {
 public:
  explicit FrontTracker(std::vector<MetricInfo> objectives) : objectives_(std::move(objectives)) {}
  void add_trials(std::span<const Trial> trials);
  // Relative to the volume within the bounds, against reference_point(); 0 without bounds.
  double hypervolume(const std::vector<ObjectiveBounds>& bounds) const;
  int64_t size() const { return static_cast<int64_t>(front_.size()); }

 private:
  std::vector<MetricInfo> objectives_;
  std::vector<Trial> front_;
};

}  // namespace concertina
