#include "study/hypervolume.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/errors.h"

namespace concertina {
namespace {

// The area dominated in two coordinates, updated as points are added: a staircase of the
// non-dominated points.
class Area {
 public:
  Area(double reference_x, double reference_y) : x_end_(reference_x), y_end_(reference_y) {}

  void add(double x, double y) {
    auto right = stairs_.upper_bound(x);
    const double above = right == stairs_.begin() ? y_end_ : std::prev(right)->second;
    if (above <= y) return;
    // The area added over the steps that the new point covers, from left to right.
    double from = x, height = above;
    while (right != stairs_.end() && right->second >= y) {
      area_ += (right->first - from) * (height - y);
      from = right->first, height = right->second;
      right = stairs_.erase(right);
    }
    area_ += ((right == stairs_.end() ? x_end_ : right->first) - from) * (height - y);
    stairs_[x] = y;
  }

  double area() const { return area_; }

 private:
  double x_end_, y_end_, area_ = 0;
  std::map<double, double> stairs_;  // x -> y, decreasing
};

// Slices along the last of `dims` coordinates; the base of each slab is dominated by the points so
// far in the others.
double volume(std::vector<ObjectivePoint> points, const ObjectivePoint& reference, size_t dims) {
  if (points.empty()) return 0;
  const size_t last = dims - 1;
  std::sort(points.begin(), points.end(),
            [last](const auto& a, const auto& b) { return a[last] < b[last]; });
  if (dims == 1) return reference[0] - points[0][0];
  Area area(reference[0], dims > 2 ? reference[1] : 1.0);
  double total = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    const double height =
        (i + 1 < points.size() ? points[i + 1][last] : reference[last]) - points[i][last];
    const auto seen = points.begin() + static_cast<std::ptrdiff_t>(i + 1);
    if (dims <= 3) area.add(points[i][0], dims > 2 ? points[i][1] : 0.0);
    if (height > 0)
      total += height * (dims <= 3 ? area.area() : volume({points.begin(), seen}, reference, last));
  }
  return total;
}

}  // namespace

double hypervolume(std::vector<ObjectivePoint> points, const ObjectivePoint& reference) {
  std::erase_if(points, [&](const ObjectivePoint& p) {
    CONCERTINA_ASSERT(p.size() == reference.size());
    for (size_t i = 0; i < p.size(); ++i)
      if (!(p[i] < reference[i])) return true;
    return false;
  });
  return volume(std::move(points), reference, reference.size());
}

std::vector<std::pair<std::string, double>> reference_point(const StudyHeader& header) {
  std::vector<std::pair<std::string, double>> point;
  for (const ObjectiveBounds& bound : header.bounds) {
    const auto metric = metric_info(header, bound.metric);
    const double beyond = kReferenceMargin * (bound.high - bound.low);
    const bool is_minimised = !metric || metric->direction == Direction::kMinimise;
    point.emplace_back(bound.metric, is_minimised ? bound.high + beyond : bound.low - beyond);
  }
  return point;
}

std::string reference_point_text(const StudyHeader& header) {
  std::string text;
  for (const auto& [metric, value] : reference_point(header))
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", metric, metric_text(metric, value));
  return text;
}

}  // namespace concertina
