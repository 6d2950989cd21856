#include "pipeline/depth_width.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/errors.h"
#include "pipeline/paired_scores.h"
#include "supernet/space/architecture.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

// A subnet of the comparison.
struct Shape {
  Architecture architecture;
  const ScoredModel* model;
  std::vector<ScoreDifference> differences;  // to the widest shape
};

// Of a metric's task; none: neither.
std::optional<std::string> group_of(const std::string& metric) {
  const std::string task = metric.substr(0, metric.find('.'));
  if (task == "pr" || task == "ks") return "content";
  if (task == "sid" || task == "asv") return "speaker";
  return std::nullopt;
}

double slenderness_of(const Architecture& shape) {
  return static_cast<double>(shape.depth()) / shape.embed_dim();
}

void check_shapes(const std::vector<Shape>& shapes) {
  if (shapes.size() < 2)
    throw InputError(fmt::format("{} shapes: a comparison needs at least two", shapes.size()));
  const auto [least, most] = std::ranges::minmax_element(
      shapes, {}, [](const Shape& shape) { return shape.model->params; });
  const int64_t low = least->model->params, high = most->model->params;
  const double middle = 0.5 * static_cast<double>(low + high);
  if (static_cast<double>(high) - middle <= kEqualParams * middle) return;
  throw InputError(fmt::format(
      "the shapes have {} to {} parameters, expected equal ones within +-{:g} %: `concertina space "
      "shapes` lists such",
      low, high, 100 * kEqualParams));
}

// Widest first.
std::vector<Shape> shapes_of(const Scores& scores, uint64_t seed) {
  std::vector<Shape> shapes;
  for (const ScoredModel& model : scores.models) {
    if (model.architecture.empty()) continue;  // features without a model
    shapes.push_back({Architecture::parse(model.architecture), &model, {}});
  }
  check_shapes(shapes);
  std::ranges::stable_sort(shapes, {},
                           [](const Shape& shape) { return slenderness_of(shape.architecture); });
  const ScoredBy widest{&scores, shapes.front().model};
  for (Shape& shape : shapes)
    shape.differences = common_differences({&scores, shape.model}, widest, seed);
  return shapes;
}

ShapePoint point_of(const Shape& shape, const TaskScore& score) {
  ShapePoint point{.architecture = shape.model->architecture,
                   .depth = shape.architecture.depth(),
                   .width = shape.architecture.embed_dim(),
                   .params = shape.model->params,
                   .value = score.value,
                   .low = score.low,
                   .high = score.high};
  const auto found = std::ranges::find(shape.differences, score.metric, &ScoreDifference::metric);
  if (found == shape.differences.end()) return point;
  point.difference = found->test.difference;
  point.difference_low = found->test.interval.low;
  point.difference_high = found->test.interval.high;
  return point;
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace

DepthWidth depth_width_of(const Scores& scores, uint64_t seed) {
  const std::vector<Shape> shapes = shapes_of(scores, seed);
  const ScoredModel& widest = *shapes.front().model;
  DepthWidth comparison{.params = 0,
                        .shapes = static_cast<int32_t>(shapes.size()),
                        .reference = widest.architecture,
                        .panels = {}};
  for (const Shape& shape : shapes)
    comparison.params += shape.model->params / static_cast<int64_t>(shapes.size());
  for (const TaskScore& reference : widest.scores) {
    const std::optional<std::string> group = group_of(reference.metric);
    if (!group) continue;
    DepthWidthPanel panel{*group, reference.metric, {}};
    for (const Shape& shape : shapes) {
      if (const TaskScore* score = find_score(*shape.model, reference.metric))
        panel.points.push_back(point_of(shape, *score));
    }
    comparison.panels.push_back(std::move(panel));
  }
  if (comparison.panels.empty())
    throw InputError("no score of a content task (pr, ks) or a speaker task (sid, asv)");
  std::ranges::stable_sort(comparison.panels, {}, &DepthWidthPanel::group);
  return comparison;
}

std::string to_json(const DepthWidth& comparison) {
  Json panels = Json::array();
  for (const DepthWidthPanel& panel : comparison.panels) {
    Json points = Json::array();
    for (const ShapePoint& p : panel.points) {
      points.push_back({{"architecture", p.architecture},
                        {"depth", p.depth},
                        {"width", p.width},
                        {"params", p.params},
                        {"value", number(p.value)},
                        {"low", number(p.low)},
                        {"high", number(p.high)},
                        {"difference", number(p.difference)},
                        {"difference_low", number(p.difference_low)},
                        {"difference_high", number(p.difference_high)}});
    }
    panels.push_back({{"group", panel.group}, {"metric", panel.metric}, {"points", points}});
  }
  Json json = {{"params", comparison.params},
               {"shapes", comparison.shapes},
               {"reference", comparison.reference},
               {"panels", panels}};
  if (const std::string few = few_shapes(comparison); !few.empty()) json["note"] = few;
  return json.dump();
}

}  // namespace concertina
