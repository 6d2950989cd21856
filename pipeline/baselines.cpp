#include "pipeline/baselines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/format.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "distill/objective/objective_file.h"
#include "pipeline/score_table.h"
#include "pipeline/text_table.h"
#include "study/metric.h"
#include "supernet/model/model_file.h"
#include "supernet/nn/precision.h"
#include "supernet/space/cost.h"
#include "supernet/space/resolve.h"

namespace concertina {
namespace {

bool same_tensors(const TensorMap& a, const TensorMap& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.sizes() == y.second.sizes() &&
           at::equal(x.second, y.second);
  });
}

std::vector<std::string> metrics_of(const std::vector<ScoredModel>& models) {
  std::vector<std::string> metrics;
  for (const ScoredModel& model : models) {
    for (const TaskScore& score : model.scores) {
      if (std::ranges::count(metrics, score.metric) == 0) metrics.push_back(score.metric);
    }
  }
  return metrics;
}

std::string cell(const ScoredModel& model, const std::string& metric) {
  const auto score = std::ranges::find(model.scores, metric, &TaskScore::metric);
  if (score == model.scores.end()) return "-";
  if (std::isnan(score->low)) return metric_number(metric, score->value);
  const int32_t digits = score_digits(metric);
  return fmt::format("{:.{}f} [{:.{}f}, {:.{}f}]", score->value, digits, score->low, digits,
                     score->high, digits);
}

Supernet random_of_shape(const Supernet& model, const Architecture& architecture, uint64_t seed) {
  const SearchSpace shape =
      SearchSpace::single(model.blueprint(), {architecture, model.storage().rule});
  return randomly_initialised(model, shape, seed);
}

using NamedMembers = std::vector<std::pair<std::string, Architecture>>;

NamedMembers members_to_score(const Comparison& comparison, const SearchSpace& space) {
  NamedMembers members;
  for (const std::string& name : comparison.members) {
    Architecture member = resolve_architecture(space, name);
    std::string key = member.key();
    members.emplace_back(std::move(key), std::move(member));
  }
  if (members.empty())
    members.emplace_back(std::filesystem::path(comparison.model).stem().string(),
                         resolve_architecture(space, comparison.architecture));
  return members;
}

void add_random(BaselineTable& table, const Comparison& comparison, const Supernet& model,
                const NamedMembers& members, at::ScalarType dtype) {
  if (comparison.members.empty()) {
    const Architecture& member = members.front().second;
    table.add_member("random", random_of_shape(model, member, comparison.seed), member, dtype);
    return;
  }
  const Supernet random = randomly_initialised(model, model.space(), comparison.seed);
  for (const auto& [name, member] : members)
    table.add_member(name + " random", random, member, dtype);
}

std::shared_ptr<const TeacherScore> teacher_score_of(const Comparison& comparison,
                                                     const Manifest& manifest,
                                                     const StopToken& stop) {
  const Supernet loaded = load_model(comparison.teacher, Reading::kCopied);
  const Subnet teacher = loaded.slice(loaded.space().largest());
  const std::vector<Row> rows = comparison.objective.empty()
                                    ? hidden_rows(comparison.tasks.teacher_layers, teacher)
                                    : clean_rows(*load_objective(comparison.objective).objective);
  const TeacherScoreOptions options{
      .seconds = comparison.tasks.teacher_seconds, .source_weight = {}, .seed = comparison.seed};
  return std::make_shared<TeacherScore>(teacher, rows, manifest, comparison.split, options, stop);
}

}  // namespace

Supernet randomly_initialised(const Supernet& trained, const SearchSpace& space, uint64_t seed) {
  Supernet random = Supernet::random(space, Rng(seed).fork("teacher").fork("weights"));
  for (const TensorSlice& slice :
       tensor_slices(space.blueprint(), random.storage(), random.storage().shape)) {
    if (!slice.trained) random.weights()[slice.name] = trained.weights().at(slice.name);
  }
  return random;
}

BaselineTable::BaselineTable(const Manifest& manifest, const TaskOptions& options, Split split,
                             StopToken stop)
    : data_(manifest.fingerprint()),
      fidelity_(options.fidelity),
      tasks_(manifest, options, split, stop),
      split_(split),
      stop_(std::move(stop)) {}

std::vector<TaskScore> BaselineTable::score(const std::string& name,
                                            const FeatureExtractor& features) const {
  if (tasks_.names().empty()) return {};
  const auto start = std::chrono::steady_clock::now();
  std::vector<TaskScore> scores = tasks_.score(features, Intervals::kBootstrap, stop_);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  log_info("eval: {} scored in {}", name, format_seconds(wall.count()));
  return scores;
}

void BaselineTable::add_subnet(const std::string& name, const Subnet& subnet) {
  const auto same = std::ranges::find_if(
      scored_, [&](const auto& seen) { return same_tensors(seen.first, subnet.tensors); });
  ScoredModel model{name,
                    subnet.architecture.key(),
                    cost_of(subnet.blueprint, subnet.architecture, 0).params,
                    {}};
  model.scores =
      same != scored_.end() ? models_[same->second].scores : score(name, subnet_features(subnet));
  scored_.emplace_back(subnet.tensors, models_.size());
  models_.push_back(std::move(model));
}

void BaselineTable::add_teacher_scores(const FeatureExtractor& features) {
  std::vector<TaskScore>& scores = models_.back().scores;
  if (!teacher_ || std::ranges::any_of(scores, is_teacher_metric, &TaskScore::metric)) return;
  std::ranges::move(teacher_->score(features, stop_), std::back_inserter(scores));
}

void BaselineTable::add_member(const std::string& name, const Supernet& model,
                               const Architecture& member, at::ScalarType dtype) {
  add_subnet(name, model.slice(member, dtype));
  add_teacher_scores(subnet_features(model.slice(member)));
}

void BaselineTable::add_mfcc() {
  models_.push_back({"mfcc", "", 0, score("mfcc", mfcc_baseline_features())});
  add_teacher_scores(mfcc_baseline_features());
}

std::string BaselineTable::text() const {
  const std::vector<std::string> metrics = metrics_of(models_);
  std::vector<std::vector<std::string>> rows = {{"model", "params"}};
  rows[0].insert(rows[0].end(), metrics.begin(), metrics.end());
  for (const ScoredModel& model : models_) {
    std::vector<std::string> row = {
        model.name, model.params > 0 ? format_count(static_cast<double>(model.params)) : "-"};
    for (const std::string& metric : metrics) row.push_back(cell(model, metric));
    rows.push_back(std::move(row));
  }
  std::vector<NamedScores> named;
  for (const ScoredModel& model : models_) {
    named.emplace_back(model.name, std::map<std::string, double>());
    for (const TaskScore& score : model.scores) named.back().second[score.metric] = score.value;
  }
  const std::string note = control_note(named);
  return text_table(rows) + (note.empty() ? "" : note + "\n");
}

std::string BaselineTable::to_json(uint64_t seed, ClipScores clips) const {
  nlohmann::ordered_json models = nlohmann::ordered_json::array();
  for (const ScoredModel& model : models_) {
    nlohmann::ordered_json scores = nlohmann::ordered_json::array();
    for (const TaskScore& s : model.scores) {
      scores.push_back({{"metric", s.metric},
                        {"value", s.value},
                        {"low", s.low},
                        {"high", s.high},
                        {"setting", s.setting}});
      if (clips == ClipScores::kNone || s.hits.empty()) continue;
      scores.back()["hits"] = s.hits;
      scores.back()["totals"] = s.totals;
    }
    models.push_back({{"name", model.name},
                      {"params", model.params},
                      {"architecture", model.architecture},
                      {"scores", scores}});
  }
  nlohmann::ordered_json left_out = nlohmann::ordered_json::object();
  for (const auto& [task, missing] : tasks_.left_out()) left_out[task] = missing;
  return nlohmann::ordered_json{
             {"split", split_name(split_)}, {"seed", seed},         {"data", data_},
             {"fidelity", fidelity_},       {"left_out", left_out}, {"models", models}}
             .dump(1) +
         "\n";
}

BaselineTable compare_with_baselines(const Comparison& comparison, const StopToken& stop) {
  const Supernet model = load_model(comparison.model, Reading::kCopied);
  const NamedMembers members = members_to_score(comparison, model.space());
  const Manifest manifest = read_manifest(comparison.data);
  const at::ScalarType dtype = scalar_type(comparison.tasks.dtype);
  BaselineTable table(manifest, comparison.tasks, comparison.split, stop);
  if (table.tasks().names().empty() && comparison.teacher.empty())
    throw InputError(fmt::format("{}: none of the tasks {} can be scored", comparison.data,
                                 fmt::join(comparison.tasks.tasks, ", ")));
  if (!comparison.teacher.empty())
    table.score_against(teacher_score_of(comparison, manifest, stop));
  for (const auto& [name, member] : members) table.add_member(name, model, member, dtype);
  for (const std::string& other : comparison.with) {
    if (other == "random") {
      add_random(table, comparison, model, members, dtype);
    } else if (other == "mfcc") {
      table.add_mfcc();
    } else {
      const Supernet loaded = load_model(other, Reading::kCopied);
      table.add_member(other, loaded, loaded.space().default_architecture(), dtype);
    }
  }
  return table;
}

}  // namespace concertina
