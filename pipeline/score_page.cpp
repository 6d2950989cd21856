#include "pipeline/score_page.h"

#include <fmt/format.h>

#include "pipeline/score_table.h"
#include "report/page.h"
#include "study/metric.h"

namespace concertina {
namespace {

ReportTable measured_table(const Scores& scores) {
  ReportTable table{
      .title = "What was measured",
      .columns = {"task", "what", "train clips", "train minutes", "scored clips", "scored minutes"},
      .rows = {},
      .note = "Probes are fitted and their settings chosen on train alone."};
  for (const TaskData& task : scores.tasks)
    table.rows.push_back({task.task, task.content, fmt::format("{}", task.training_clips),
                          fmt::format("{:.1f}", task.training_seconds / 60),
                          fmt::format("{}", task.scored_clips),
                          fmt::format("{:.1f}", task.scored_seconds / 60)});
  for (const auto& [task, why] : scores.left_out)
    table.rows.push_back({task, "left out: " + why, "-", "-", "-", "-"});
  return table;
}

ReportTable settings_table(const Scores& scores) {
  ReportTable table{.title = "Settings of the probes",
                    .columns = {"model", "metric", "setting"},
                    .rows = {},
                    .note = ""};
  for (const ScoredModel& model : scores.models) {
    for (const TaskScore& score : model.scores)
      table.rows.push_back({model.name, score.metric, score.setting});
  }
  return table;
}

// A chart for each metric of which a model has several layers; a model with one layer is a dot.
std::vector<LineChart> layer_charts(const Scores& scores) {
  std::vector<LineChart> charts;
  for (const std::string& metric : metrics_of(scores)) {
    LineChart chart{.title = metric, .x = "layer", .y = metric};
    if (const Metric* known = find_metric(metric); known != nullptr && !known->unit.empty())
      chart.y += fmt::format(" ({})", known->unit);
    bool several = false;
    for (const ScoredModel& model : scores.models) {
      const TaskScore* score = find_score(model, metric);
      if (score == nullptr || score->layers.empty()) continue;
      several = several || score->layers.size() > 1;
      NamedLine& line = chart.lines.emplace_back(NamedLine{model.name, {}});
      for (size_t layer = 0; layer < score->layers.size(); ++layer)
        line.points.emplace_back(static_cast<double>(layer), score->layers[layer]);
    }
    if (several) charts.push_back(std::move(chart));
  }
  return charts;
}

}  // namespace

std::string score_page(const Scores& scores, const std::string& title) {
  const ReportTable table = score_table(scores);
  return render_page({.title = title,
                      .facts = {{"split", std::string(split_name(scores.split))},
                                {"fidelity", fmt::format("{:g}", scores.fidelity)},
                                {"data", scores.data.substr(0, 12)},
                                {"models", fmt::format("{}", scores.models.size())}},
                      .tables = {table, measured_table(scores)},
                      .chart_title = "Layers",
                      .chart_note = "What each layer has on folds of train that the probe's fit "
                                    "did not see: the layer of the table is chosen by it.",
                      .charts = layer_charts(scores),
                      .last_tables = {settings_table(scores)}});
}

}  // namespace concertina
