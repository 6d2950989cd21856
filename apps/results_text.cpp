#include "apps/results_text.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "pipeline/front_scores.h"
#include "pipeline/text_table.h"
#include "pipeline/workspace.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(double value) { return std::isnan(value) ? Json() : Json(value); }

std::string unit_after(std::string_view metric) {
  const Metric* known = find_metric(metric);
  const bool shown = known != nullptr && known->format == NumberFormat::kPercent;
  return shown ? fmt::format(" {}", known->unit) : "";
}

std::string test_line(const SubnetResults& results) {
  std::string line;
  for (const auto& [name, score] : results.test) {
    line += fmt::format("{}{} {}{}", line.empty() ? "  on test  " : "; ", name,
                        score_number(name, score), unit_after(name));
    if (!score.setting.empty()) line += fmt::format(" ({})", score.setting);
  }
  return line.empty() ? line : line + '\n';
}

std::string time_line(const SubnetResults& results) {
  if (!results.time) return "";
  const LatencyPoint& time = results.time->time;
  std::string line = fmt::format("  time     {:.2f} ms measured", time.p50_ms);
  if (results.predicted_ms) line += fmt::format(", {:.2f} ms predicted", *results.predicted_ms);
  if (results.prediction_error)
    line += fmt::format(" ({:+.1f} %)", 100 * *results.prediction_error);
  return line + fmt::format("; {}\n", workload_text(time));
}

std::string missing_line(const SubnetResults& results, const Architecture& architecture,
                         const std::string& command) {
  if (results.complete()) return "";
  const std::string_view what = !results.test.empty() ? "a measured latency"
                                : results.time        ? "scores on test"
                                                      : "scores on test and a measured latency";
  const std::string how =
      command.empty() ? "`concertina eval` and `concertina bench` make them of the extracted subnet"
                      : fmt::format("{} '{}'", command, architecture.key());
  return fmt::format("  missing  {}: {}\n", what, how);
}

std::string terms_line(const FrontResults& results, const Budget& budget) {
  const TimeTerms terms = results.time_terms(*budget.time);
  if (!terms.workload)
    return "latency: the study has no latency model, so its workload is unknown\n";
  std::string line = fmt::format(
      "latency: {:.2f} ms holds for {}; predictions up to {:.2f} ms count", budget.limit,
      workload_text(*terms.workload), terms.predicted_limit(budget.limit));
  line += fmt::format(" (margin {:.1f} %{}, scale {:.3f})\n", 100 * terms.margin,
                      budget.time->margin ? "" : ": the model's own held-out error", terms.scale);
  return line;
}

}  // namespace

Json results_json(const SubnetResults& results) {
  Json test = Json::object();
  for (const auto& [name, score] : results.test) {
    test[name] = {{"value", score.value},
                  {"low", number_or_null(score.low)},
                  {"high", number_or_null(score.high)},
                  {"setting", score.setting}};
  }
  Json json = {{"test", test}, {"time", Json()}};
  if (results.time) {
    const LatencyPoint& time = results.time->time;
    json["time"] = {{"p50_ms", time.p50_ms},     {"p95_ms", number_or_null(time.p95_ms)},
                    {"device", time.device},     {"threads", time.threads},
                    {"seconds", time.seconds},   {"dtype", time.dtype},
                    {"date", results.time->date}};
  }
  if (results.predicted_ms) json["predicted_ms"] = *results.predicted_ms;
  if (results.corrected_ms) json["corrected_ms"] = *results.corrected_ms;
  if (results.prediction_error) json["prediction_error"] = *results.prediction_error;
  return json;
}

std::string score_command(const StudyFile& study, const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (!std::filesystem::exists(Workspace{folder}.student(2))) return "";
  std::string config = "CONFIG";
  for (const Artefact& artefact : study.artefacts())
    if (artefact.name == kPipelineArtefact) config = artefact.path;
  return fmt::format("concertina search {} --out {} --resume --score", config, folder.string());
}

std::string results_text(const SubnetResults& results, const Architecture& architecture,
                         const std::string& command) {
  return test_line(results) + time_line(results) + missing_line(results, architecture, command);
}

std::string latency_terms_text(const FrontResults& results, std::span<const Budget> budgets) {
  std::string text;
  for (const Budget& budget : budgets) {
    if (budget.time) text += terms_line(results, budget);
    if (budget.metric == "latency.p50_ms" && results.workload)
      text += fmt::format("latency: measured on {}\n", workload_text(*results.workload));
  }
  return text;
}

std::string front_table(const FrontResults& results) {
  std::set<std::string> metrics;
  for (const auto& [member, scores] : results.test)
    for (const auto& [name, score] : scores) metrics.insert(name);
  std::vector<std::vector<std::string>> rows = {{metrics.begin(), metrics.end()}};
  for (const char* column : {"predicted", "measured", "error", "architecture"})
    rows[0].emplace_back(column);
  const auto ms = [](double value) { return metric_text("latency.p50_ms", value); };
  for (const Architecture& member : results.members) {
    const SubnetResults subnet = results.of(member);
    std::vector<std::string> row;
    for (const std::string& name : metrics) {
      const auto score = subnet.test.find(name);
      row.push_back(score == subnet.test.end() ? "-" : score_number(name, score->second));
    }
    row.push_back(subnet.predicted_ms ? ms(*subnet.predicted_ms) : "-");
    row.push_back(subnet.time ? ms(subnet.time->time.p50_ms) : "-");
    row.push_back(subnet.prediction_error ? fmt::format("{:+.1f} %", 100 * *subnet.prediction_error)
                                          : "-");
    row.push_back(member.key());
    rows.push_back(std::move(row));
  }
  return text_table(rows);
}

Json front_json(const FrontResults& results) {
  Json rows = Json::array();
  for (const Architecture& member : results.members) {
    Json row = {{"architecture", member.key()}};
    row.update(results_json(results.of(member)));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace concertina
