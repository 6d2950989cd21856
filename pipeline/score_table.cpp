#include "pipeline/score_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/format.h"
#include "pipeline/proxy_score.h"
#include "pipeline/text_table.h"
#include "study/metric.h"

namespace concertina {
namespace {

std::string score_cell(const ScoredModel& model, const std::string& metric) {
  const TaskScore* score = find_score(model, metric);
  if (score == nullptr) return "-";
  if (std::isnan(score->low)) return metric_number(metric, score->value);
  const int32_t digits = score_digits(metric);
  return fmt::format("{:.{}f} [{:.{}f}, {:.{}f}]", score->value, digits, score->low, digits,
                     score->high, digits);
}

bool is_no_worse(const std::string& metric, double a, double b) {
  const Metric* known = find_metric(metric);
  return known != nullptr && (known->direction == Direction::kMinimise ? a <= b : a >= b);
}

using TableRows = std::vector<std::vector<std::string>>;

TableRows transposed(const TableRows& rows) {
  TableRows turned(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) turned[i].push_back(row[i]);
  }
  return turned;
}

void add_proxy_scores(const ProxyScores& proxy, ReportTable& table) {
  table.note = proxy_note(proxy) + "." + (table.note.empty() ? "" : " " + table.note);
  if (proxy.metrics.empty()) return;
  table.columns.emplace_back(kProxyScore);
  for (size_t i = 0; i < table.rows.size(); ++i)
    table.rows[i].push_back(proxy.of_models[i] ? fmt::format("{:.0f}", *proxy.of_models[i]) : "-");
}

std::string amount(int64_t clips, double seconds) {
  return fmt::format("{} {}, {:.1f} min", clips, clips == 1 ? "clip" : "clips", seconds / 60);
}

}  // namespace

ReportTable score_table(const Scores& scores) {
  const std::vector<std::string> metrics = metrics_of(scores);
  ReportTable table{.title = fmt::format("Scores on {}, with 95 % bootstrap intervals over clips",
                                         split_name(scores.split)),
                    .columns = {"model", "params"},
                    .rows = {},
                    .note = control_note(scores)};
  table.columns.insert(table.columns.end(), metrics.begin(), metrics.end());
  for (const ScoredModel& model : scores.models) {
    std::vector<std::string> row = {
        model.name, model.params > 0 ? format_count(static_cast<double>(model.params)) : "-"};
    for (const std::string& metric : metrics) row.push_back(score_cell(model, metric));
    table.rows.push_back(std::move(row));
  }
  if (const auto proxy = proxy_scores(scores)) add_proxy_scores(*proxy, table);
  return table;
}

std::string score_text(const Scores& scores) {
  const ReportTable table = score_table(scores);
  TableRows rows = {table.columns};
  rows.insert(rows.end(), table.rows.begin(), table.rows.end());
  if (rows.size() < table.columns.size()) rows = transposed(rows);
  std::string text = text_table(rows);
  const std::vector<std::string> measured = measured_lines(scores);
  if (!measured.empty()) text += fmt::format("\n{}\n", fmt::join(measured, "\n"));
  return table.note.empty() ? text : text + table.note + "\n";
}

std::vector<std::string> measured_lines(const Scores& scores) {
  std::vector<std::string> lines;
  for (const TaskData& task : scores.tasks) {
    lines.push_back(fmt::format("{}: {}; train {}; {} {}", task.task, task.content,
                                amount(task.training_clips, task.training_seconds),
                                split_name(scores.split),
                                amount(task.scored_clips, task.scored_seconds)));
  }
  for (const auto& [task, why] : scores.left_out)
    lines.push_back(fmt::format("{}: left out, {}", task, why));
  return lines;
}

std::string control_note(const Scores& scores) {
  const ScoredModel* random = find_model(scores, "random");
  if (random == nullptr || random == &scores.models.front()) return "";
  const ScoredModel& first = scores.models.front();
  std::vector<std::string> metrics;
  for (const TaskScore& score : first.scores) {
    const TaskScore* control = find_score(*random, score.metric);
    if (control == nullptr || !is_no_worse(score.metric, control->value, score.value)) continue;
    metrics.push_back(fmt::format("{} ({} against {})", score.metric,
                                  metric_text(score.metric, control->value),
                                  metric_text(score.metric, score.value)));
  }
  if (metrics.empty()) return "";
  return fmt::format(
      "Random initialisation is no worse than {} in {}: these scores are not informative.",
      first.name, fmt::join(metrics, " and "));
}

int32_t score_digits(const std::string& metric) {
  const Metric* known = find_metric(metric);
  return known != nullptr && known->format == NumberFormat::kNumber ? 3 : 1;
}

}  // namespace concertina
