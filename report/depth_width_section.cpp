#include "report/depth_width_section.h"

#include <fmt/format.h>

#include <cmath>

#include "report/svg.h"
#include "report/tables.h"
#include "report/text.h"
#include "study/metric.h"

namespace concertina {
namespace {

double slenderness(const ShapePoint& point) { return 100.0 * point.depth / point.width; }

std::string shape_text(const ShapePoint& point) {
  return fmt::format("{} layers of {}", point.depth, point.width);
}

std::string interval(const std::string& metric, double value, double low, double high) {
  if (!std::isfinite(value)) return "–";
  return fmt::format("{} ({} to {})", metric_value(metric, value), metric_value(metric, low),
                     metric_value(metric, high));
}

std::string axis_title(const std::string& metric) {
  const Metric* known = find_metric(metric);
  return known == nullptr || known->unit.empty() ? metric
                                                 : fmt::format("{} ({})", metric, known->unit);
}

std::string chart_of(const DepthWidthPanel& panel) {
  Chart chart;
  chart.description = panel.metric + " of subnets with equal parameters, from wide to deep";
  chart.width = 420, chart.height = 260;
  const auto plain = [](double value) { return fmt::format("{:g}", value); };
  chart.x = {"layers per 100 channels", plain};
  chart.y = {axis_title(panel.metric), plain};
  ChartLine values{"line s0", {}, ""};
  for (const ShapePoint& point : panel.points) {
    const double x = slenderness(point);
    chart.lines.push_back({"line faint", {{x, point.low}, {x, point.high}}, ""});
    values.points.emplace_back(x, point.value);
    chart.marks.push_back({x, point.value, "dot",
                           fmt::format("{}: {}\n{}", shape_text(point),
                                       interval(panel.metric, point.value, point.low, point.high),
                                       point.architecture),
                           4});
  }
  chart.lines.push_back(std::move(values));
  return render_chart(chart);
}

ReportTable table_of(const DepthWidthPanel& panel) {
  ReportTable table{.title = panel.metric,
                    .columns = {"shape", "architecture", "params", panel.metric, "difference"},
                    .rows = {},
                    .note = ""};
  for (const ShapePoint& point : panel.points) {
    table.rows.push_back(
        {shape_text(point), point.architecture,
         metric_value("params", static_cast<double>(point.params)),
         interval(panel.metric, point.value, point.low, point.high),
         interval(panel.metric, point.difference, point.difference_low, point.difference_high)});
  }
  return table;
}

}  // namespace

std::string depth_width_note(const DepthWidth& comparison) {
  const std::string few = few_shapes(comparison);
  return fmt::format(
      "Subnets of one supernet with about {} parameters each, from wide and shallow to narrow and "
      "deep. Differences are to the widest, with 95 % intervals of the paired bootstrap over "
      "clips.{}",
      metric_value("params", static_cast<double>(comparison.params)),
      few.empty() ? "" : " " + few + ".");
}

std::string depth_width_body(const DepthWidth& comparison) {
  std::string charts, tables;
  for (const DepthWidthPanel& panel : comparison.panels) {
    charts += fmt::format("<figure style=\"margin:0\"><h3>{}: {}</h3>\n{}</figure>\n", panel.group,
                          escape_html(panel.metric), chart_of(panel));
    tables += html_table(table_of(panel));
  }
  return fmt::format("<div class=\"pair\">\n{}</div>\n{}", charts, tables);
}

}  // namespace concertina
