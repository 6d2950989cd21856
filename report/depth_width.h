// Deep versus wide (Ashihara et al. 2022): scores of subnets with equal parameters, as panels of content and of
// speaker tasks over depth and width, with paired intervals. Values are immutable: thread-safe.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace concertina {

struct ShapePoint {
  std::string architecture;
  int32_t depth = 0, width = 0;
  int64_t params = 0;
  // Of the metric, with the 95 % interval over clips; NaN where it has none.
  double value = 0, low = 0, high = 0;
  // To the widest shape, in the metric's unit: 95 % percentile interval of the paired bootstrap over
  // clips. NaN where the scores have no results of clips.
  double difference = std::numeric_limits<double>::quiet_NaN();
  double difference_low = std::numeric_limits<double>::quiet_NaN();
  double difference_high = std::numeric_limits<double>::quiet_NaN();
};
struct DepthWidthPanel {
  std::string group;  // "content" or "speaker"
  std::string metric;
  std::vector<ShapePoint> points;  // ascending by depth / width
};
struct DepthWidth {
  int64_t params = 0;  // the mean
  int32_t shapes = 0;
  std::string reference;  // the widest shape
  std::vector<DepthWidthPanel> panels;
};

inline constexpr int32_t kEnoughShapes = 6;  // fewer are compared, too: see few_shapes()

// That a comparison of fewer than kEnoughShapes shapes is weak, in a clause; "" of more.
std::string few_shapes(const DepthWidth& comparison);

}  // namespace concertina
