#include "apps/pareto_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "apps/text_table.h"
#include "core/units.h"

namespace concertina {

std::vector<std::string> metric_columns(const StudyHeader& header, std::span<const Trial> trials) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::ranges::count(names, name) == 0) names.push_back(name);
  };
  for (const MetricInfo& metric : header.objectives) add(metric.name);
  for (const MetricInfo& metric : header.recorded) add(metric.name);
  std::set<std::string> others;
  for (const Trial& trial : trials)
    for (const auto& [name, value] : trial.values) others.insert(name);
  std::ranges::for_each(others, add);
  return names;
}

std::string format_metric(const std::string& metric, double value) {
  if (metric == "params" || metric == "macs") return format_count(value);
  if (metric.ends_with("_ms")) return fmt::format("{:.2f} ms", value);
  return fmt::format("{:.4g}", value);
}

std::string describe(const Budget& budget) {
  return fmt::format("{} {}", format_metric(budget.metric, budget.limit), budget.metric);
}

std::string pareto_table(const StudyHeader& header, std::span<const Trial> trials) {
  const std::vector<std::string> metrics = metric_columns(header, trials);
  std::vector<std::vector<std::string>> rows = {{"trial"}};
  rows.front().insert(rows.front().end(), metrics.begin(), metrics.end());
  rows.front().push_back("architecture");
  for (const Trial& trial : trials) {
    std::vector<std::string> row = {fmt::format("{}", trial.number)};
    for (const std::string& metric : metrics) {
      const auto value = trial.values.find(metric);
      row.push_back(value == trial.values.end() ? "-" : format_metric(metric, value->second));
    }
    row.push_back(trial.architecture.key());
    rows.push_back(std::move(row));
  }
  return text_table(rows);
}

}  // namespace concertina
