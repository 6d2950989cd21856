#include "report/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ranges>
#include <set>
#include <utility>

#include "report/svg.h"
#include "report/text.h"
#include "study/latency/model.h"
#include "study/pareto.h"

namespace concertina {
namespace {

std::string plain(double value) { return fmt::format("{:g}", std::abs(value) < 1e-12 ? 0 : value); }

// The first objective over another one, or over the trial number.
class FrontChart {
 public:
  FrontChart(const StudyHeader& header, std::optional<MetricInfo> x)
      : header_(header), y_(header.objectives.at(0)), x_(std::move(x)) {}

  XY place(const Trial& trial) const {
    return {x_ ? trial.values.at(x_->name) : static_cast<double>(trial.number),
            trial.values.at(y_.name)};
  }

  ChartAxis x_axis() const {
    if (!x_) return {"trial", plain};
    return {metric_title(header_, x_->name), [name = x_->name](double v) { return tick(name, v); }};
  }
  ChartAxis y_axis() const {
    return {metric_title(header_, y_.name), [name = y_.name](double v) { return tick(name, v); }};
  }

  std::string tooltip(const Trial& trial) const {
    std::string text = fmt::format("trial {}: {}", trial.number, trial.architecture.key());
    for (const MetricInfo& m : header_.objectives)
      text += fmt::format("\n{} {}", metric_title(header_, m.name),
                          metric_value(m.name, trial.values.at(m.name)));
    return text;
  }

  // The best value at each cost: a staircase between neighbours.
  ChartLine staircase(std::span<const Trial> front) const {
    ChartLine line{"front-line", {}, ""};
    if (!x_) return line;
    std::vector<XY> points;
    for (const Trial& trial : front_trials(front, std::vector{y_, *x_}))
      points.push_back(place(trial));
    const bool ascending = x_->direction == Direction::kMinimise;
    std::sort(points.begin(), points.end(), [&](const XY& a, const XY& b) {
      return ascending ? a.first < b.first : a.first > b.first;
    });
    for (const XY& point : points) {
      if (!line.points.empty()) line.points.emplace_back(point.first, line.points.back().second);
      line.points.push_back(point);
    }
    return line;
  }

 private:
  static std::string tick(const std::string& metric, double value) {
    const Metric* known = find_metric(metric);
    const bool is_count = known != nullptr && known->format == NumberFormat::kCount;
    return is_count ? metric_value(metric, value) : plain(value);
  }

  const StudyHeader& header_;
  MetricInfo y_;
  std::optional<MetricInfo> x_;
};

constexpr size_t kManyDots = 2000;
constexpr double kCell = 8;  // in units of the chart: a dot and its outline

// Of many trials the first in each cell of the chart: the page stays small and looks the same.
std::vector<Trial> thinned(std::span<const Trial> trials, const FrontChart& maker,
                           const Chart& chart) {
  if (trials.size() <= kManyDots) return {trials.begin(), trials.end()};
  XY low = maker.place(trials[0]), high = low;
  for (const Trial& trial : trials) {
    const auto [x, y] = maker.place(trial);
    low = {std::min(low.first, x), std::min(low.second, y)};
    high = {std::max(high.first, x), std::max(high.second, y)};
  }
  const auto cell = [](double value, double from, double to, double size) {
    return to > from ? static_cast<int64_t>((value - from) / (to - from) * size / kCell) : 0;
  };
  std::set<std::pair<int64_t, int64_t>> taken;
  std::vector<Trial> kept;
  for (const Trial& trial : trials) {
    const auto [x, y] = maker.place(trial);
    if (taken
            .emplace(cell(x, low.first, high.first, chart.width),
                     cell(y, low.second, high.second, chart.height))
            .second)
      kept.push_back(trial);
  }
  return kept;
}

std::string styled(size_t index) { return fmt::format("line s{}", index % 5); }

std::string front_figure(const StudyHeader& header, const FrontChart& maker,
                         std::span<const Trial> trials, std::span<const Trial> front,
                         std::span<const Choice> choices) {
  Chart chart;
  chart.description = "All trials and the Pareto front";
  chart.x = maker.x_axis();
  chart.y = maker.y_axis();
  chart.lines.push_back(maker.staircase(front));
  const auto mark = [&](const Trial& trial, const char* style, double radius,
                        const std::string& note) {
    const auto [x, y] = maker.place(trial);
    chart.marks.push_back({x, y, style, maker.tooltip(trial) + note, radius});
  };
  for (const Trial& trial : thinned(trials, maker, chart)) mark(trial, "trial", 2.5, "");
  for (const Trial& trial : thinned(front, maker, chart)) mark(trial, "front", 4, "\non the front");
  for (const Choice& choice : choices) {
    mark(choice.trial, "chosen", 7,
         fmt::format("\n{} {}", choice.fits ? "best for" : "nearest to",
                     budget_text(header, choice.budget)));
  }
  return render_chart(chart);
}

}  // namespace

std::string front_figures(const StudyHeader& header, std::span<const Trial> trials,
                          std::span<const Trial> front, std::span<const Choice> choices) {
  const auto figure = [&](std::optional<MetricInfo> x) {
    return front_figure(header, FrontChart(header, std::move(x)), trials, front, choices);
  };
  if (header.objectives.size() == 1) return figure({});
  std::string figures;
  for (const MetricInfo& x : header.objectives | std::views::drop(1)) figures += figure(x);
  return figures;
}

std::string hypervolume_figure(std::span<const GenerationRecord> generations) {
  if (generations.empty()) return "";
  Chart chart;
  chart.description = "Dominated hypervolume after each generation";
  chart.width = 420, chart.height = 260;
  chart.x = {"generation", plain};
  chart.y = {"hypervolume", plain};
  ChartLine line{"line s0", {}, ""};
  for (const GenerationRecord& g : generations) {
    const auto x = static_cast<double>(g.number);
    line.points.emplace_back(x, g.hypervolume);
    chart.marks.push_back({x, g.hypervolume, "front",
                           fmt::format("generation {}: {:.5g}", g.number, g.hypervolume), 2.5});
  }
  chart.lines.push_back(std::move(line));
  return render_chart(chart);
}

std::string latency_figure(std::span<const LatencyPoint> points,
                           const std::optional<LatencyModelRecord>& record) {
  if (!record) return "";
  const LatencyModel model = LatencyModel::from_json(record->json);
  Chart chart;
  chart.description = "Predicted against measured latency";
  chart.width = 420, chart.height = 260;
  chart.x = {"measured median (ms)", plain};
  chart.y = {"predicted (ms)", plain};
  double low = INFINITY, high = 0;
  for (const LatencyPoint& p : points) {
    if (!same_workload(p, model.workload())) continue;
    const double predicted = model.predict_ms(p.architecture);
    chart.marks.push_back({p.p50_ms, predicted, "front",
                           fmt::format("{}\nmeasured {:.2f} ms, predicted {:.2f} ms",
                                       p.architecture.key(), p.p50_ms, predicted),
                           2.5});
    low = std::min({low, p.p50_ms, predicted}), high = std::max({high, p.p50_ms, predicted});
  }
  if (high > 0) chart.lines.push_back({"guide", {{low, low}, {high, high}}, ""});
  return render_chart(chart);
}

std::string training_figure(const TrainingCurve& curve) {
  Chart chart;
  chart.description = curve.title + ": loss over steps";
  chart.width = 420, chart.height = 260;
  chart.x = {"step", plain};
  chart.y = {"loss", plain};
  ChartLine loss{"line faint", {}, curve.validation.empty() ? "" : "training"};
  for (size_t i = 0; i < curve.step.size(); ++i)
    loss.points.emplace_back(curve.step[i], curve.loss[i]);
  // Steps with a validation only must not interrupt the training line.
  std::erase_if(loss.points, [](const XY& p) { return !std::isfinite(p.second); });
  chart.lines.push_back(std::move(loss));
  for (size_t v = 0; v < curve.validation.size(); ++v) {
    ChartLine line{styled(v), {}, curve.validation[v].first};
    for (size_t i = 0; i < curve.step.size(); ++i) {
      const double value = curve.validation[v].second[i];
      if (!std::isfinite(value)) continue;
      line.points.emplace_back(curve.step[i], value);
      chart.marks.push_back(
          {curve.step[i], value, fmt::format("dot s{}", v % 5),
           fmt::format("{} at step {:g}: {:.4g}", line.label, curve.step[i], value), 2.5});
    }
    chart.lines.push_back(std::move(line));
  }
  return render_chart(chart);
}

std::string line_figure(const LineChart& lines) {
  Chart chart;
  chart.description = lines.title;
  chart.width = 420, chart.height = 260;
  chart.x = {lines.x, plain};
  chart.y = {lines.y, plain};
  for (size_t i = 0; i < lines.lines.size(); ++i) {
    const NamedLine& line = lines.lines[i];
    chart.lines.push_back({styled(i), line.points, line.name});
    for (const auto& [x, y] : line.points)
      chart.marks.push_back({x, y, fmt::format("dot s{}", i % 5),
                             fmt::format("{}: {} {:g}, {:.4g}", line.name, lines.x, x, y), 2.5});
  }
  return render_chart(chart);
}

}  // namespace concertina
