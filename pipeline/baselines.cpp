#include "pipeline/baselines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "core/errors.h"
#include "core/format.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "distill/objective/objective_file.h"
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

void add_other(BaselineTable& table, const std::string& other, const Comparison& comparison,
               const Supernet& model, const NamedMembers& members, at::ScalarType dtype) {
  if (other == "random") return add_random(table, comparison, model, members, dtype);
  if (other == "mfcc") return table.add_features(other, mfcc_baseline_features());
  if (other == "fbank") return table.add_features(other, fbank_baseline_features());
  if (other == "teacher" && comparison.teacher.empty())
    throw InputError("--beside teacher needs --teacher FILE");
  const bool teacher = other == "teacher";
  const Supernet loaded = load_model(teacher ? comparison.teacher : other, Reading::kCopied);
  const SearchSpace& space = loaded.space();
  table.add_member(other, loaded, teacher ? space.largest() : space.default_architecture(), dtype);
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
  std::ranges::move(teacher_->score(features, stop_, Intervals::kBootstrap),
                    std::back_inserter(scores));
}

void BaselineTable::add_member(const std::string& name, const Supernet& model,
                               const Architecture& member, at::ScalarType dtype) {
  add_subnet(name, model.slice(member, dtype));
  add_teacher_scores(subnet_features(model.slice(member)));
}

void BaselineTable::add_features(const std::string& name, const FeatureExtractor& features) {
  models_.push_back({name, "", 0, score(name, features)});
  add_teacher_scores(features);
}

Scores BaselineTable::scores(uint64_t seed) const {
  return {.split = split_,
          .seed = seed,
          .data = data_,
          .fidelity = fidelity_,
          .tasks = tasks_.data(),
          .left_out = tasks_.left_out(),
          .models = models_};
}

Scores compare_with_baselines(const Comparison& comparison, const StopToken& stop) {
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
  for (const std::string& other : comparison.with)
    add_other(table, other, comparison, model, members, dtype);
  return table.scores(comparison.seed);
}

}  // namespace concertina
