// Deep versus wide (Ashihara et al. 2022): scores of subnets with equal parameters, as panels of content and of
// speaker tasks over depth and width, with paired intervals. Values are immutable: thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace concertina {

// A subnet of the comparison and its scores. `hits` and `totals`: of each clip, the same clips for all
// subnets, in one order; empty where a metric is no share of clips.
struct ShapeScore {
  std::string metric;
  double value = 0, low = 0, high = 0;
  std::vector<double> hits, totals;
};
struct ScoredShape {
  std::string architecture;  // its key
  int64_t params = 0;
  std::vector<ShapeScore> scores;
};

struct ShapePoint {
  std::string architecture;
  int32_t depth = 0, width = 0;
  int64_t params = 0;
  double value = 0, low = 0, high = 0;  // of the metric, 95 % interval over clips
  // To the widest shape: 95 % percentile interval of the paired bootstrap over clips. All NaN where the
  // metric has no clips.
  double difference = 0, difference_low = 0, difference_high = 0;
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

inline constexpr double kEqualParams = 0.03;  // shapes lie within this share of their middle
inline constexpr int32_t kEnoughShapes = 6;   // fewer are compared, too: see few_shapes()

// InputError when there are fewer than two shapes, when their parameters differ by more than
// kEqualParams, or no score is of a content or speaker task.
DepthWidth depth_width_of(const std::vector<ScoredShape>& shapes, uint64_t seed = 0);
std::string to_json(const DepthWidth& comparison);  // with few_shapes() as "note" unless it is ""
// That a comparison of fewer than kEnoughShapes shapes is weak, in a clause; "" of more.
std::string few_shapes(const DepthWidth& comparison);

// What `concertina eval --archs FILE --clips --json` prints. InputError naming `source` when it is
// something else.
std::vector<ScoredShape> scored_shapes(const std::string& json, const std::string& source);

// Accuracy of `a` less that of `b` on the same clips, in the metric's unit of per cent.
struct PairedDifference {
  double value = 0, low = 0, high = 0;
};
PairedDifference paired_difference(const ShapeScore& a, const ShapeScore& b, uint64_t seed,
                                   int32_t resamples = 1000);

}  // namespace concertina
