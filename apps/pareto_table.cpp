#include "apps/pareto_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "apps/text_table.h"
#include "core/units.h"

namespace concertina {
namespace {

std::vector<MetricInfo> metrics_of(const StudyHeader& header) {
  std::vector<MetricInfo> metrics = header.objectives;
  for (const MetricInfo& metric : header.recorded) {
    if (std::ranges::count(metrics, metric) == 0) metrics.push_back(metric);
  }
  return metrics;
}

}  // namespace

std::string format_metric(const std::string& metric, double value) {
  if (metric == "params" || metric == "macs") return format_count(value);
  if (metric.ends_with("_ms")) return fmt::format("{:.2f} ms", value);
  return fmt::format("{:.4g}", value);
}

std::string describe(const Budget& budget) {
  return fmt::format("{} {}", format_metric(budget.metric, budget.limit), budget.metric);
}

std::string pareto_table(const StudyHeader& header, std::span<const Trial> trials) {
  const std::vector<MetricInfo> metrics = metrics_of(header);
  std::vector<std::vector<std::string>> rows(1);
  for (const MetricInfo& metric : metrics) rows.front().push_back(metric.name);
  rows.front().push_back("architecture");
  for (const Trial& trial : trials) {
    std::vector<std::string> row;
    for (const MetricInfo& metric : metrics) {
      const auto value = trial.values.find(metric.name);
      row.push_back(value == trial.values.end() ? "-" : format_metric(metric.name, value->second));
    }
    row.push_back(trial.architecture.key());
    rows.push_back(std::move(row));
  }
  return text_table(rows);
}

}  // namespace concertina
