#include "apps/pareto_table.h"

#include <fmt/format.h>

#include <vector>

#include "apps/text_table.h"
#include "search/study.h"

namespace concertina {

std::string describe(const Budget& budget) {
  return fmt::format("{} {}", metric_text(budget.metric, budget.limit), budget.metric);
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
      row.push_back(value == trial.values.end() ? "-" : metric_text(metric, value->second));
    }
    row.push_back(trial.architecture.key());
    rows.push_back(std::move(row));
  }
  return text_table(rows);
}

}  // namespace concertina
