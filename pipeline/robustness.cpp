#include "pipeline/robustness.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/errors.h"
#include "core/log.h"
#include "pipeline/score_table.h"
#include "pipeline/text_table.h"
#include "supernet/model/model_file.h"
#include "supernet/space/resolve.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

struct NamedSubnet {
  std::string name;
  Subnet subnet;
};

std::vector<NamedSubnet> subnets_of(const RobustnessRequest& request, const Supernet& model,
                                    const Supernet* teacher) {
  std::vector<NamedSubnet> subnets;
  for (const std::string& name : request.members)
    subnets.push_back({name, model.slice(resolve_architecture(model.space(), name))});
  if (teacher != nullptr)
    subnets.push_back({"teacher", teacher->slice(teacher->space().largest())});
  return subnets;
}

struct NoiseSource {
  std::string name;
  Perturbation noise;
};

std::vector<NoiseSource> sources_of(const std::vector<NamedSubnet>& subnets,
                                    const AttackOptions& options) {
  std::vector<NoiseSource> sources = {{"gaussian", remembered(gaussian_noise(options))}};
  for (const NamedSubnet& each : subnets)
    sources.push_back({each.name, remembered(bim_attack(each.subnet, options))});
  return sources;
}

RobustnessRow row_under(const NoiseSource& source, const NamedSubnet& target,
                        const PreparedTasks& tasks, const StopToken& stop) {
  const FeatureExtractor clean = subnet_features(target.subnet);
  PerturbedFeatures perturbed(clean, source.noise);
  RobustnessRow row{.target = target.name, .source = source.name};
  row.scores = tasks.score(clean, perturbed.extractor(), Intervals::kBootstrap, stop);
  row.deviation = perturbed.deviation_rate();
  log_info("attack: {} under noise of {}: deviation {:.1f} %", row.target, row.source,
           100 * row.deviation);
  return row;
}

const RobustnessRow& clean_row(const Robustness& robustness, const std::string& target) {
  const auto found = std::ranges::find_if(robustness.rows, [&](const RobustnessRow& row) {
    return row.target == target && row.source == "clean";
  });
  CONCERTINA_ASSERT(found != robustness.rows.end());
  return *found;
}

std::string noise_cell(const TaskScore& score, const RobustnessRow& clean, bool is_clean) {
  const int32_t digits = score_digits(score.metric);
  std::string text = fmt::format("{:.{}f}", score.value, digits);
  for (const TaskScore& before : clean.scores) {
    if (before.metric == score.metric && !is_clean)
      text += fmt::format(" ({:+.{}f})", score.value - before.value, digits);
  }
  return text;
}

}  // namespace

Robustness measure_robustness(const RobustnessRequest& request, const StopToken& stop) {
  const Supernet model = load_model(request.model, Reading::kCopied);
  std::optional<Supernet> teacher;
  if (!request.teacher.empty()) teacher.emplace(load_model(request.teacher, Reading::kCopied));
  const std::vector<NamedSubnet> subnets =
      subnets_of(request, model, teacher ? &*teacher : nullptr);
  const Manifest manifest = read_manifest(request.data);
  const PreparedTasks tasks(manifest, request.tasks, request.split, stop);
  if (tasks.names().empty())
    throw InputError(fmt::format("{}: none of the tasks can be scored", request.data));
  Robustness robustness{.split = request.split,
                        .data = manifest.fingerprint(),
                        .attack = request.attack,
                        .tasks = tasks.data(),
                        .left_out = tasks.left_out()};
  const std::vector<NoiseSource> sources = sources_of(subnets, request.attack);
  for (const NamedSubnet& target : subnets) {
    robustness.rows.push_back({.target = target.name, .source = "clean"});
    robustness.rows.back().scores =
        tasks.score(subnet_features(target.subnet), Intervals::kBootstrap, stop);
    for (const NoiseSource& source : sources)
      robustness.rows.push_back(row_under(source, target, tasks, stop));
  }
  return robustness;
}

std::string robustness_text(const Robustness& robustness) {
  std::vector<std::vector<std::string>> rows = {{"target", "noise of", "deviation %"}};
  for (const TaskScore& score : robustness.rows.front().scores) rows[0].push_back(score.metric);
  for (const RobustnessRow& row : robustness.rows) {
    const RobustnessRow& clean = clean_row(robustness, row.target);
    rows.push_back({row.target, row.source, fmt::format("{:.1f}", 100 * row.deviation)});
    for (const TaskScore& score : row.scores)
      rows.back().push_back(noise_cell(score, clean, &row == &clean));
  }
  return text_table(rows);
}

std::string to_json(const Robustness& robustness) {
  Json rows = Json::array();
  for (const RobustnessRow& row : robustness.rows) {
    Json scores = Json::array();
    for (const TaskScore& score : row.scores)
      scores.push_back({{"metric", score.metric},
                        {"value", score.value},
                        {"low", score.low},
                        {"high", score.high}});
    rows.push_back({{"target", row.target},
                    {"source", row.source},
                    {"deviation", row.deviation},
                    {"scores", scores}});
  }
  Json left_out = Json::object();
  for (const auto& [task, why] : robustness.left_out) left_out[task] = why;
  return Json{{"split", split_name(robustness.split)},
              {"data", robustness.data},
              {"noise_to_signal", robustness.attack.noise_to_signal},
              {"steps", robustness.attack.steps},
              {"seed", robustness.attack.seed},
              {"left_out", left_out},
              {"rows", rows}}
             .dump(1) +
         "\n";
}

}  // namespace concertina
