#include "apps/pareto_table.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "apps/results_text.h"
#include "pipeline/text_table.h"
#include "study/queries.h"

namespace concertina {
namespace {

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

}  // namespace

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

std::string trials_csv(const StudyHeader& header, std::span<const Trial> trials) {
  const std::vector<std::string> metrics = metric_columns(header, trials);
  std::string text = "trial,generation,state,architecture";
  for (const std::string& metric : metrics) text += ',' + csv_cell(metric);
  text += ",error\n";
  for (const Trial& trial : trials) {
    text += fmt::format("{},{},{},{}", trial.number, trial.generation, state_name(trial.state),
                        csv_cell(trial.architecture.key()));
    for (const std::string& metric : metrics) {
      const auto value = trial.values.find(metric);
      text += value == trial.values.end() ? "," : fmt::format(",{}", value->second);
    }
    text += ',' + csv_cell(trial.error) + '\n';
  }
  return text;
}

std::string trials_json(std::span<const Trial> trials, const FrontResults* results) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Trial& trial : trials) {
    nlohmann::ordered_json json = {{"trial", trial.number},
                                   {"generation", trial.generation},
                                   {"state", state_name(trial.state)},
                                   {"architecture", trial.architecture.key()},
                                   {"values", trial.values}};
    if (!trial.error.empty()) json["error"] = trial.error;
    if (results != nullptr) json.update(results_json(results->of(trial.architecture)));
    all.push_back(std::move(json));
  }
  return all.dump(2) + '\n';
}

}  // namespace concertina
