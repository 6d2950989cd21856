#include "search/pareto.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double area_2d(std::vector<ObjectivePoint>& points, const ObjectivePoint& reference) {
  std::sort(points.begin(), points.end());
  double area = 0;
  double lowest = reference[1];
  for (const ObjectivePoint& p : points) {
    if (p[1] >= lowest) continue;
    area += (reference[0] - p[0]) * (lowest - p[1]);
    lowest = p[1];
  }
  return area;
}

// Slices along the last of `dims` coordinates; each slab's base is the volume of the points seen so far.
double volume(std::vector<ObjectivePoint> points, const ObjectivePoint& reference, size_t dims) {
  if (points.empty()) return 0;
  if (dims == 1) {
    return reference[0] - (*std::min_element(points.begin(), points.end(), [](const auto& a, const auto& b) { return a[0] < b[0]; }))[0];
  }
  if (dims == 2) return area_2d(points, reference);
  const size_t last = dims - 1;
  std::sort(points.begin(), points.end(), [last](const auto& a, const auto& b) { return a[last] < b[last]; });
  double total = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const double height = (i + 1 < points.size() ? points[i + 1][last] : reference[last]) - points[i][last];
    if (height <= 0) continue;
    const auto end = points.begin() + static_cast<std::ptrdiff_t>(i + 1);
    total += height * volume({points.begin(), end}, reference, last);
  }
  return total;
}

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
  std::vector<std::vector<size_t>> beaten(n);
  std::vector<int32_t> dominators(n, 0), rank(n, 0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j) {
      if (dominates(points[i], points[j])) beaten[i].push_back(j), ++dominators[j];
      else if (dominates(points[j], points[i])) beaten[j].push_back(i), ++dominators[i];
    }
  }
  std::vector<size_t> current;
  for (size_t i = 0; i < n; ++i) if (dominators[i] == 0) current.push_back(i);
  for (int32_t front = 0; !current.empty(); ++front) {
    std::vector<size_t> next;
    for (const size_t i : current) {
      rank[i] = front;
      for (const size_t j : beaten[i]) if (--dominators[j] == 0) next.push_back(j);
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
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return front[a][m] < front[b][m]; });
    const double range = front[order.back()][m] - front[order.front()][m];
    distance[order.front()] = distance[order.back()] = kInfinity;
    if (!(range > 0)) continue;
    for (size_t k = 1; k + 1 < n; ++k) distance[order[k]] += (front[order[k + 1]][m] - front[order[k - 1]][m]) / range;
  }
  return distance;
}

double hypervolume(std::vector<ObjectivePoint> points, const ObjectivePoint& reference) {
  std::erase_if(points, [&](const ObjectivePoint& p) {
    CONCERTINA_ASSERT(p.size() == reference.size());
    for (size_t i = 0; i < p.size(); ++i) if (!(p[i] < reference[i])) return true;
    return false;
  });
  return volume(std::move(points), reference, reference.size());
}

int64_t knee_point(std::span<const ObjectivePoint> front) {
  if (front.empty()) return -1;
  // On axes scaled to [0, 1] the extremes lie on the plane sum = 1: the lowest sum is the farthest below it.
  ObjectivePoint low = front[0], high = front[0];
  for (const ObjectivePoint& p : front) {
    for (size_t m = 0; m < p.size(); ++m) low[m] = std::min(low[m], p[m]), high[m] = std::max(high[m], p[m]);
  }
  const auto height = [&](const ObjectivePoint& p) {
    double sum = 0;
    for (size_t m = 0; m < p.size(); ++m) if (high[m] > low[m]) sum += (p[m] - low[m]) / (high[m] - low[m]);
    return sum;
  };
  const auto knee = std::min_element(front.begin(), front.end(), [&](const auto& a, const auto& b) { return height(a) < height(b); });
  return knee - front.begin();
}

ObjectivePoint objective_point(const std::map<std::string, double>& values, std::span<const MetricInfo> metrics) {
  ObjectivePoint point;
  for (const MetricInfo& metric : metrics) {
    const auto found = values.find(metric.name);
    CONCERTINA_ASSERT(found != values.end());
    point.push_back(metric.direction == Direction::kMinimise ? found->second : -found->second);
  }
  return point;
}

std::vector<int64_t> pareto_front(std::span<const Trial> trials, std::span<const MetricInfo> metrics) {
  std::vector<std::pair<ObjectivePoint, int64_t>> sorted;
  for (size_t i = 0; i < trials.size(); ++i) {
    if (trials[i].state == TrialState::kComplete) sorted.emplace_back(objective_point(trials[i].values, metrics), static_cast<int64_t>(i));
  }
  std::sort(sorted.begin(), sorted.end());
  // In lexicographic order nobody is dominated by a later point.
  std::vector<size_t> front;
  std::set<std::string> seen;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const bool beaten = std::any_of(front.rbegin(), front.rend(), [&](size_t f) { return dominates(sorted[f].first, sorted[i].first); });
    if (!beaten && seen.insert(trials[static_cast<size_t>(sorted[i].second)].architecture.key()).second) front.push_back(i);
  }
  std::vector<int64_t> indices;
  for (const size_t f : front) indices.push_back(sorted[f].second);
  return indices;
}

}  // namespace concertina
