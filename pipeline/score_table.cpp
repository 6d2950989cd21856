#include "pipeline/score_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "core/format.h"
#include "study/metric.h"

namespace concertina {
namespace {

using nlohmann::ordered_json;

// Every metric that any model was scored on, in the order of their first appearance.
std::vector<std::string> metrics_of(const ordered_json& models) {
  std::vector<std::string> metrics;
  for (const auto& model : models) {
    for (const auto& score : model.at("scores")) {
      const std::string metric = score.at("metric");
      if (std::ranges::count(metrics, metric) == 0) metrics.push_back(metric);
    }
  }
  return metrics;
}

std::string cell(const ordered_json& model, const std::string& metric) {
  for (const auto& score : model.at("scores")) {
    if (score.at("metric") != metric) continue;
    const int32_t digits = score_digits(metric);
    return fmt::format("{:.{}f} ({:.{}f} to {:.{}f})", score.at("value").get<double>(), digits,
                       score.at("low").get<double>(), digits, score.at("high").get<double>(),
                       digits);
  }
  return "-";
}

std::vector<NamedScores> named_scores(const ordered_json& models) {
  std::vector<NamedScores> named;
  for (const auto& model : models) {
    named.emplace_back(model.at("name"), std::map<std::string, double>());
    for (const auto& score : model.at("scores"))
      named.back().second[score.at("metric")] = score.at("value").get<double>();
  }
  return named;
}

bool is_no_worse(const std::string& metric, double a, double b) {
  const Metric* known = find_metric(metric);
  return known != nullptr && (known->direction == Direction::kMinimise ? a <= b : a >= b);
}

ReportTable table_of(const ordered_json& scores) {
  const ordered_json& models = scores.at("models");
  const std::vector<std::string> metrics = metrics_of(models);
  ReportTable table{.title = "Scores on test, with 95 % bootstrap intervals over clips",
                    .columns = {"model", "params"},
                    .rows = {},
                    .note = control_note(named_scores(models))};
  table.columns.insert(table.columns.end(), metrics.begin(), metrics.end());
  for (const auto& model : models) {
    const double params = model.value("params", 0.0);
    std::vector<std::string> row = {model.at("name"), params > 0 ? format_count(params) : "-"};
    for (const std::string& metric : metrics) row.push_back(cell(model, metric));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

std::string control_note(const std::vector<NamedScores>& models) {
  const auto random = std::ranges::find(models, "random", &NamedScores::first);
  if (random == models.end() || random == models.begin()) return "";
  const auto& [name, scores] = models.front();
  std::vector<std::string> metrics;
  for (const auto& [metric, value] : scores) {
    const auto control = random->second.find(metric);
    if (control != random->second.end() && is_no_worse(metric, control->second, value)) {
      metrics.push_back(fmt::format("{} ({} against {})", metric,
                                    metric_text(metric, control->second),
                                    metric_text(metric, value)));
    }
  }
  if (metrics.empty()) return "";
  return fmt::format(
      "Random initialisation is no worse than {} in {}: these scores are not informative.", name,
      fmt::join(metrics, " and "));
}

int32_t score_digits(const std::string& metric) {
  const Metric* known = find_metric(metric);
  return known != nullptr && known->format == NumberFormat::kNumber ? 3 : 1;
}

ReportTable read_score_table(const std::filesystem::path& scores) {
  try {
    return table_of(ordered_json::parse(read_text(scores)));
  } catch (const ordered_json::exception& error) {
    throw InputError(fmt::format("{}: not a table of scores: {}", scores.string(), error.what()));
  }
}

}  // namespace concertina
