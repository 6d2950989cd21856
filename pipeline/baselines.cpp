#include "pipeline/baselines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/format.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "pipeline/score_table.h"
#include "pipeline/text_table.h"
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
  const int32_t digits = score_digits(metric);
  return fmt::format("{:.{}f} [{:.{}f}, {:.{}f}]", score->value, digits, score->low, digits,
                     score->high, digits);
}

Supernet random_of_shape(const Supernet& model, const Architecture& architecture, uint64_t seed) {
  const SearchSpace shape =
      SearchSpace::single(model.blueprint(), {architecture, model.storage().rule});
  return randomly_initialised(model, shape, seed);
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

void BaselineTable::add_mfcc() {
  models_.push_back({"mfcc", "", 0, score("mfcc", mfcc_baseline_features())});
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

std::string BaselineTable::to_json(uint64_t seed) const {
  nlohmann::ordered_json models = nlohmann::ordered_json::array();
  for (const ScoredModel& model : models_) {
    nlohmann::ordered_json scores = nlohmann::ordered_json::array();
    for (const TaskScore& s : model.scores) {
      scores.push_back({{"metric", s.metric},
                        {"value", s.value},
                        {"low", s.low},
                        {"high", s.high},
                        {"setting", s.setting}});
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
  const Architecture architecture = resolve_architecture(model.space(), comparison.architecture);
  const Manifest manifest = read_manifest(comparison.data);
  const at::ScalarType dtype = scalar_type(comparison.tasks.dtype);
  BaselineTable table(manifest, comparison.tasks, comparison.split, stop);
  if (table.tasks().names().empty())
    throw InputError(fmt::format("{}: none of the tasks {} can be scored", comparison.data,
                                 fmt::join(comparison.tasks.tasks, ", ")));
  table.add_subnet(std::filesystem::path(comparison.model).stem().string(),
                   model.slice(architecture, dtype));
  for (const std::string& other : comparison.with) {
    if (other == "random") {
      table.add_subnet(
          "random",
          random_of_shape(model, architecture, comparison.seed).slice(architecture, dtype));
    } else if (other == "mfcc") {
      table.add_mfcc();
    } else {
      const Supernet loaded = load_model(other, Reading::kCopied);
      table.add_subnet(other, loaded.slice(loaded.space().default_architecture(), dtype));
    }
  }
  return table;
}

}  // namespace concertina
