#include "study/pareto.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <unordered_set>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Takes points in lexicographic order, so that no point is dominated by a later one. With two and
// three objectives it keeps the minima over the remaining coordinates: O(log n) per point (Kung,
// Luccio and Preparata 1975); with more, every point of the front.
class Sweep {
 public:
  explicit Sweep(size_t objectives) : objectives_(objectives) {}

  // False when an earlier, different point dominates this one.
  bool add(const ObjectivePoint& point) {
    return objectives_ > 3
               ? add_to_front(point)
               : add_to_minima(objectives_ > 1 ? point[1] : 0.0, objectives_ > 2 ? point[2] : 0.0);
  }

 private:
  // minima_ maps y to the least z of all points with at most this y; z decreases as y grows.
  bool add_to_minima(double y, double z) {
    auto after = minima_.upper_bound(y);
    if (after != minima_.begin() && std::prev(after)->second <= z) return false;
    while (after != minima_.end() && after->second >= z) after = minima_.erase(after);
    minima_[y] = z;
    return true;
  }

  bool add_to_front(const ObjectivePoint& point) {
    const auto dominates_it = [&](const ObjectivePoint& other) { return dominates(other, point); };
    if (std::any_of(front_.rbegin(), front_.rend(), dominates_it)) return false;
    front_.push_back(point);
    return true;
  }

  size_t objectives_;
  std::map<double, double> minima_;
  std::vector<ObjectivePoint> front_;
};

}  // namespace

bool dominates(const ObjectivePoint& a, const ObjectivePoint& b) {
  CONCERTINA_ASSERT(a.size() == b.size());
  bool better = false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better = better || a[i] < b[i];
  }
  return better;
}

std::vector<int32_t> non_dominated_sort(std::span<const ObjectivePoint> points) {
  const size_t n = points.size();
  std::vector<std::vector<size_t>> dominated(n);
  std::vector<int32_t> dominators(n, 0), rank(n, 0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j) {
      if (dominates(points[i], points[j]))
        dominated[i].push_back(j), ++dominators[j];
      else if (dominates(points[j], points[i]))
        dominated[j].push_back(i), ++dominators[i];
    }
  }
  std::vector<size_t> current;
  for (size_t i = 0; i < n; ++i)
    if (dominators[i] == 0) current.push_back(i);
  for (int32_t front = 0; !current.empty(); ++front) {
    std::vector<size_t> next;
    for (const size_t i : current) {
      rank[i] = front;
      for (const size_t j : dominated[i])
        if (--dominators[j] == 0) next.push_back(j);
    }
    current = std::move(next);
  }
  return rank;
}

std::vector<double> crowding_distance(std::span<const ObjectivePoint> front) {
  const size_t n = front.size();
  std::vector<double> distance(n, 0);
  if (n == 0) return distance;
  std::vector<size_t> order(n);
  for (size_t m = 0; m < front[0].size(); ++m) {
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return front[a][m] < front[b][m]; });
    const double range = front[order.back()][m] - front[order.front()][m];
    distance[order.front()] = distance[order.back()] = kInfinity;
    if (!(range > 0)) continue;
    for (size_t k = 1; k + 1 < n; ++k)
      distance[order[k]] += (front[order[k + 1]][m] - front[order[k - 1]][m]) / range;
  }
  return distance;
}

int64_t knee_point(std::span<const ObjectivePoint> front) {
  if (front.empty()) return -1;
  // On axes scaled to [0, 1] the extremes lie on the plane sum = 1: the lowest sum is the farthest
  // below it.
  ObjectivePoint low = front[0], high = front[0];
  for (const ObjectivePoint& p : front) {
    for (size_t m = 0; m < p.size(); ++m)
      low[m] = std::min(low[m], p[m]), high[m] = std::max(high[m], p[m]);
  }
  const auto height = [&](const ObjectivePoint& p) {
    double sum = 0;
    for (size_t m = 0; m < p.size(); ++m)
      if (high[m] > low[m]) sum += (p[m] - low[m]) / (high[m] - low[m]);
    return sum;
  };
  const auto knee = std::min_element(front.begin(), front.end(), [&](const auto& a, const auto& b) {
    return height(a) < height(b);
  });
  return knee - front.begin();
}

ObjectivePoint objective_point(const std::map<std::string, double>& values,
                               std::span<const MetricInfo> metrics) {
  ObjectivePoint point;
  for (const MetricInfo& metric : metrics) {
    const auto found = values.find(metric.name);
    CONCERTINA_ASSERT(found != values.end());
    point.push_back(metric.direction == Direction::kMinimise ? found->second : -found->second);
  }
  return point;
}

std::vector<int64_t> pareto_front(std::span<const Trial> trials,
                                  std::span<const MetricInfo> metrics) {
  std::vector<std::pair<ObjectivePoint, int64_t>> sorted;
  for (size_t i = 0; i < trials.size(); ++i) {
    if (trials[i].state == TrialState::kComplete)
      sorted.emplace_back(objective_point(trials[i].values, metrics), static_cast<int64_t>(i));
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<int64_t> front;
  std::unordered_set<Architecture> seen;
  Sweep sweep(metrics.size());
  bool is_dominated = false;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const auto& [point, index] = sorted[i];
    // Equal points do not dominate each other.
    if (i == 0 || point != sorted[i - 1].first) is_dominated = !sweep.add(point);
    if (!is_dominated && seen.insert(trials[static_cast<size_t>(index)].architecture).second)
      front.push_back(index);
  }
  return front;
}

std::vector<Trial> front_trials(std::span<const Trial> trials,
                                std::span<const MetricInfo> metrics) {
  std::vector<Trial> front;
  for (const int64_t i : pareto_front(trials, metrics))
    front.push_back(trials[static_cast<size_t>(i)]);
  return front;
}

}  // namespace concertina
