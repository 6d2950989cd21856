#include "search/front_tracker.h"

#include "core/errors.h"
#include "study/hypervolume.h"
#include "study/pareto.h"

namespace concertina {

void FrontTracker::add_trials(std::span<const Trial> trials) {
  front_.insert(front_.end(), trials.begin(), trials.end());
  front_ = front_trials(front_, objectives_);
}

double FrontTracker::hypervolume(const std::vector<ObjectiveBounds>& bounds) const {
  if (bounds.size() != objectives_.size()) return 0;
  std::vector<ObjectivePoint> points;
  for (const Trial& trial : front_) {
    ObjectivePoint point;
    for (size_t m = 0; m < bounds.size(); ++m) {
      const auto& [metric, low, high] = bounds[m];
      CONCERTINA_ASSERT(metric == objectives_[m].name);
      const double value = trial.values.at(metric);
      const bool is_minimised = objectives_[m].direction == Direction::kMinimise;
      point.push_back((is_minimised ? value - low : high - value) / (high - low));
    }
    points.push_back(std::move(point));
  }
  return concertina::hypervolume(std::move(points),
                                 ObjectivePoint(objectives_.size(), 1 + kReferenceMargin));
}

}  // namespace concertina
