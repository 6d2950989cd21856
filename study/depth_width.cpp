#include "study/depth_width.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/errors.h"
#include "core/rng.h"
#include "supernet/space/architecture.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Of a metric's task; none: neither.
std::optional<std::string> group_of(const std::string& metric) {
  const std::string task = metric.substr(0, metric.find('.'));
  if (task == "pr" || task == "ks") return "content";
  if (task == "sid" || task == "asv") return "speaker";
  return std::nullopt;
}

const ShapeScore* score_of(const ScoredShape& shape, const std::string& metric) {
  const auto found = std::ranges::find(shape.scores, metric, &ShapeScore::metric);
  return found == shape.scores.end() ? nullptr : &*found;
}

double slenderness_of(const Architecture& shape) {
  return static_cast<double>(shape.depth()) / shape.embed_dim();
}

// Widest first.
std::vector<ScoredShape> sorted_shapes(std::vector<ScoredShape> shapes) {
  std::ranges::stable_sort(shapes, {}, [](const ScoredShape& shape) {
    return slenderness_of(Architecture::parse(shape.architecture));
  });
  return shapes;
}

void check_shapes(const std::vector<ScoredShape>& shapes) {
  if (shapes.size() < 2)
    throw InputError(fmt::format("{} shapes: a comparison needs at least two", shapes.size()));
  const auto [least, most] = std::ranges::minmax_element(shapes, {}, &ScoredShape::params);
  const double middle = 0.5 * static_cast<double>(least->params + most->params);
  if (static_cast<double>(most->params) - middle <= kEqualParams * middle) return;
  throw InputError(fmt::format(
      "the shapes have {} to {} parameters, expected equal ones within +-{:g} %: `concertina space "
      "shapes` lists such",
      least->params, most->params, 100 * kEqualParams));
}

// 100 * (rate of a - rate of b), on clips drawn with weights.
double difference_of(const ShapeScore& a, const ShapeScore& b, const std::vector<double>& weight) {
  std::array<double, 4> sums{};
  for (size_t i = 0; i < weight.size(); ++i) {
    sums[0] += weight[i] * a.hits[i];
    sums[1] += weight[i] * a.totals[i];
    sums[2] += weight[i] * b.hits[i];
    sums[3] += weight[i] * b.totals[i];
  }
  if (sums[1] <= 0 || sums[3] <= 0) return 0;
  return 100 * (sums[0] / sums[1] - sums[2] / sums[3]);
}

ShapePoint point_of(const ScoredShape& shape, const ShapeScore& score, const ShapeScore& widest,
                    uint64_t seed) {
  const Architecture architecture = Architecture::parse(shape.architecture);
  ShapePoint point{.architecture = shape.architecture,
                   .depth = architecture.depth(),
                   .width = architecture.embed_dim(),
                   .params = shape.params,
                   .value = score.value,
                   .low = score.low,
                   .high = score.high,
                   .difference = kNan,
                   .difference_low = kNan,
                   .difference_high = kNan};
  if (score.hits.empty() || score.hits.size() != widest.hits.size()) return point;
  const PairedDifference paired = paired_difference(score, widest, seed);
  point.difference = paired.value;
  point.difference_low = paired.low;
  point.difference_high = paired.high;
  return point;
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace

PairedDifference paired_difference(const ShapeScore& a, const ShapeScore& b, uint64_t seed,
                                   int32_t resamples) {
  const size_t clips = a.hits.size();
  CONCERTINA_ASSERT(b.hits.size() == clips && a.totals.size() == clips);
  Rng rng = Rng(seed).fork("paired bootstrap");
  std::vector<double> drawn, weight(clips);
  for (int32_t r = 0; r < resamples; ++r) {
    std::ranges::fill(weight, 0);
    for (size_t i = 0; i < clips; ++i)
      ++weight[static_cast<size_t>(rng.below(static_cast<int64_t>(clips)))];
    drawn.push_back(difference_of(a, b, weight));
  }
  std::ranges::sort(drawn);
  const auto at = [&](double share) {
    const auto index = static_cast<size_t>(share * static_cast<double>(drawn.size()));
    return drawn[std::min(index, drawn.size() - 1)];
  };
  return {difference_of(a, b, std::vector<double>(clips, 1)), at(0.025), at(0.975)};
}

DepthWidth depth_width_of(const std::vector<ScoredShape>& given, uint64_t seed) {
  check_shapes(given);
  const std::vector<ScoredShape> shapes = sorted_shapes(given);
  const ScoredShape& widest = shapes.front();
  DepthWidth comparison{.params = 0,
                        .shapes = static_cast<int32_t>(shapes.size()),
                        .reference = widest.architecture,
                        .panels = {}};
  for (const ScoredShape& shape : shapes)
    comparison.params += shape.params / static_cast<int64_t>(shapes.size());
  for (const ShapeScore& reference : widest.scores) {
    const std::optional<std::string> group = group_of(reference.metric);
    if (!group) continue;
    DepthWidthPanel panel{*group, reference.metric, {}};
    for (const ScoredShape& shape : shapes) {
      if (const ShapeScore* score = score_of(shape, reference.metric))
        panel.points.push_back(point_of(shape, *score, reference, seed));
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
  if (const std::string note = few_shapes(comparison); !note.empty()) json["note"] = note;
  return json.dump();
}

std::string few_shapes(const DepthWidth& comparison) {
  if (comparison.shapes >= kEnoughShapes) return "";
  return fmt::format(
      "{} shapes, fewer than {}: differences may be those of single shapes, not of depth and width",
      comparison.shapes, kEnoughShapes);
}

std::vector<ScoredShape> scored_shapes(const std::string& json, const std::string& source) {
  std::vector<ScoredShape> shapes;
  try {
    const Json table = Json::parse(json);
    for (const Json& model : table.at("models")) {
      ScoredShape shape{model.at("architecture"), model.at("params"), {}};
      if (shape.architecture.empty()) continue;  // features without a model
      for (const Json& score : model.at("scores")) {
        shape.scores.push_back({.metric = score.at("metric"),
                                .value = score.at("value"),
                                .low = score.at("low"),
                                .high = score.at("high"),
                                .hits = score.value("hits", std::vector<double>{}),
                                .totals = score.value("totals", std::vector<double>{})});
      }
      shapes.push_back(std::move(shape));
    }
  } catch (const Json::exception& error) {
    throw InputError(fmt::format(
        "{} does not hold scores as `concertina eval --archs FILE --clips -o` writes them: {}",
        source, error.what()));
  }
  return shapes;
}

}  // namespace concertina
