#include "pipeline/config_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>

#include "core/errors.h"
#include "distill/objective/layer_head.h"
#include "distill/pretrain/pretrain.h"
#include "eval/distill_score.h"
#include "eval/subnet_evaluator.h"
#include "eval/task_kinds.h"
#include "eval/teacher_score.h"
#include "pipeline/corpus_stage.h"
#include "pipeline/more_teachers.h"
#include "pipeline/pretrained.h"
#include "speech/corpus.h"
#include "supernet/model/model_file.h"
#include "supernet/model/visible_input.h"
#include "supernet/space/resolve.h"

namespace concertina {
namespace {

using Names = std::vector<std::string>;

Names metric_names() {  // that a search can measure
  Names names;
  for (const Metric& metric : known_metrics())
    if (!is_measured_time(metric.name)) names.emplace_back(metric.name);
  return names;
}

void check_known(ConfigSection section, std::string_view key, const Names& metrics) {
  const Names known = metric_names();
  for (size_t i = 0; i < metrics.size(); ++i) {
    if (std::ranges::find(known, metrics[i]) != known.end()) continue;
    section.problem(key, i,
                    fmt::format("unknown metric '{}'{}; metrics are {}", metrics[i],
                                did_you_mean(metrics[i], known), fmt::join(known, ", ")));
  }
}

// Of the first; nothing where it cannot be read.
std::optional<TeacherSize> first_teacher(const PipelineConfig& config) {
  const std::string& pretrained = config.teacher_pretrained;
  if (!pretrained.empty()) {
    const auto found = std::ranges::find(pretrained_models(), pretrained, &PretrainedModel::name);
    return found == pretrained_models().end() ? std::nullopt
                                              : std::optional(TeacherSize{.depth = found->depth});
  }
  if (config.teacher_model.empty()) {
    const Architecture shape = teacher_architecture(config.space);
    return TeacherSize{.depth = shape.depth(),
                       .dim = shape.embed_dim(),
                       .head_dim = config.space.blueprint().head_dim,
                       .units = config.teacher.units.clusters};
  }
  try {
    return size_of(load_model(config.teacher_model));
  } catch (const Error&) {  // On purpose: the teacher stage reports it
    return std::nullopt;
  }
}

std::optional<Manifest> manifest_there(const PipelineConfig& config) {
  try {
    const std::filesystem::path path = corpus_manifest(config);
    if (std::filesystem::exists(path)) return read_manifest(path);
  } catch (const Error&) {  // On purpose: the corpus stage reports it
  }
  return std::nullopt;
}

Names sources_of(const PipelineConfig& config, const std::optional<Manifest>& manifest) {
  if (!manifest) return config.corpus.manifest.empty() ? tier_sources(config.corpus.tier) : Names{};
  std::set<std::string> sources;
  for (const Clip& clip : manifest->clips) sources.insert(clip.source);
  return {sources.begin(), sources.end()};
}

void check_sources(ConfigSection stage, const TrainOptions& train, const Names& sources) {
  ConfigSection weights = stage.section("batch").section("sources");
  for (const auto& [key, weight] : train.batch.source_weight) {
    const auto matches = [&](const std::string& source) { return source.starts_with(key); };
    if (std::ranges::any_of(sources, matches)) continue;
    weights.problem(key, fmt::format("no source of the corpus starts with it{}; sources are {}",
                                     did_you_mean(key, sources), fmt::join(sources, ", ")));
  }
}

void check_labels(ConfigSection search, std::string_view key, const Names& metrics,
                  const Names& available) {
  const Names known = metric_names();
  for (size_t i = 0; i < metrics.size(); ++i) {
    if (std::ranges::find(known, metrics[i]) == known.end()) continue;  // reported by check_known()
    for (const std::string& task : tasks_behind({metrics[i]})) {
      if (std::ranges::count(available, task) > 0) continue;
      search.problem(key, i,
                     fmt::format("the corpus has no data for {}: the task {} needs {} in train and "
                                 "dev",
                                 metrics[i], task, task_kind(task).labels));
    }
  }
}

// What an objective needs beside audio and a teacher, in two forms; none: nothing.
struct NeededBeside {
  std::string_view what, from;
};
std::optional<NeededBeside> needed_beside(const ObjectiveOptions& objective) {
  const ObjectiveTraits traits = traits_of(objective);
  if (traits.reads_mask) return NeededBeside{"masks", "masked frames"};
  if (traits.reads_units) return NeededBeside{"units", "units"};
  return std::nullopt;
}

// distill.l1 is the loss of stage 2 on audio as it is; teacher.r2 and its like take the rows of its
// objective where no layers are named.
void check_is_scored(ConfigSection section, std::string_view key, const Names& metrics,
                     const NeededBeside& needed, bool layers_named) {
  for (size_t i = 0; i < metrics.size(); ++i) {
    const bool of_teacher = is_teacher_metric(metrics[i]);
    if (metrics[i] != kDistillMetric && !(of_teacher && !layers_named)) continue;
    const std::string message = fmt::format(
        "{} needs {}an objective without {}: stage2.objective learns from {}", metrics[i],
        of_teacher ? "tasks.teacher_layers, or " : "", needed.what, needed.from);
    if (section.has(key)) section.problem(key, i, message);
    if (!section.has(key)) section.problem(key, message);  // a default
  }
}

}  // namespace

void check_scored_objective(ConfigSection root, const PipelineConfig& config) {
  const bool one_teacher =
      named_teachers(config.stage1.objective) == std::vector<std::string>{kFirstTeacher};
  if (config.sort && config.sort->score == SortScore::kTaylor && !one_teacher) {
    root.section("sort").problem(
        "score", "taylor needs a stage1.objective that learns from the first teacher alone");
  }
  if (config.sort && traits_of(config.stage1.objective).head_layer)
    root.problem("sort", "needs a stage1.objective without head_layer");
  if (const auto needed = needed_beside(config.stage1.objective); config.sort && needed) {
    root.problem("sort",
                 fmt::format("needs an objective without {}: stage1.objective learns from {}",
                             needed->what, needed->from));
  }
  const auto needed = needed_beside(config.stage2.objective);
  if (!root.has("search") || !needed) return;
  const SearchConfig& search = config.search;
  ConfigSection section = root.section("search");
  const bool layers_named = !config.tasks.teacher_layers.empty();
  check_is_scored(section, "objectives", search.objectives, *needed, layers_named);
  check_is_scored(section, "record", search.record, *needed, layers_named);
  check_is_scored(section.section("front"), "score", search.front_score, *needed, layers_named);
}

void check_metric_names(ConfigSection root, const SearchConfig& search) {
  ConfigSection section = root.section("search");
  check_known(section, "objectives", search.objectives);
  check_known(section, "record", search.record);
  check_known(section.section("front"), "score", search.front_score);
  for (size_t i = 0; i < search.objectives.size(); ++i) {
    const auto before = search.objectives.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(search.objectives.begin(), before, search.objectives[i]) != before)
      section.problem("objectives", i, fmt::format("'{}' is a duplicate", search.objectives[i]));
  }
}

void check_sampler(ConfigSection stage, const SamplerOptions& sampler, const SearchSpace& space) {
  if (sampler.kind != SamplerKind::kSubnet || sampler.subnet.empty()) return;
  try {
    resolve_architecture(space, sampler.subnet);
  } catch (const InputError& error) {
    stage.section("sampler").problem("subnet", error.what());
  }
}

void check_teacher(ConfigSection root, const PipelineConfig& config) {
  if (config.space.choices().embed_dim.empty()) return;  // unreadable
  for (const auto& [name, stage] :
       {std::pair("stage1", &config.stage1), {"stage2", &config.stage2}}) {
    if (root.has(name)) check_sampler(root.section(name), stage->sampler, config.space);
  }
  const std::optional<TeacherSize> teacher = first_teacher(config);
  if (!teacher) return;
  const std::vector<TeacherSize> teachers = teacher_sizes(config, *teacher);
  const std::vector<int32_t>& scored = config.tasks.teacher_layers;
  for (size_t i = 0; i < scored.size(); ++i) {
    if (scored[i] < 0 || scored[i] > teacher->depth)
      root.section("tasks").problem(
          "teacher_layers", i,
          fmt::format("the teacher has layers 0 to {}, not {}", teacher->depth, scored[i]));
  }
  for (const auto& [name, stage] :
       {std::pair("stage1", &config.stage1), {"stage2", &config.stage2}}) {
    if (!root.has(name)) continue;
    ConfigSection objective = root.section(name).section("objective");
    if (const auto problem = objective_problem(stage->objective, teachers))
      detail::report_problem(objective, problem->first, problem->second);
    if (const std::string why = drop_masked_problem(config.space);
        stage->drop_masked != DropMasked::kNone && !why.empty())
      root.section(name).problem("drop_masked", why);
    const std::string no_layer = layer_head_problem(config.space);
    if (traits_of(stage->objective).head_layer && !no_layer.empty())
      objective.problem(objective.has("head_layer") ? "head_layer" : "of", no_layer);
  }
  if (!root.has("teacher") || !config.teacher_model.empty()) return;
  if (!config.teacher_pretrained.empty()) return;
  ConfigSection pretrain = root.section("teacher").section("pretrain");
  for (size_t i = 0; i < config.teacher.layers.size(); ++i) {
    if (config.teacher.layers[i] > teacher->depth)
      pretrain.problem("layers", i,
                       fmt::format("the teacher has {} layers, not {}", teacher->depth,
                                   config.teacher.layers[i]));
  }
}

void check_corpus(ConfigSection root, const PipelineConfig& config) {
  const std::optional<Manifest> manifest = manifest_there(config);
  if (const Names sources = sources_of(config, manifest); !sources.empty()) {
    ConfigSection teacher = root.section("teacher");
    check_sources(teacher.section("pretrain"), config.teacher.train, sources);
    check_sources(root.section("stage1"), config.stage1.train, sources);
    check_sources(root.section("stage2"), config.stage2.train, sources);
  }
  const SearchConfig& search = config.search;
  Names metrics = search.objectives;
  metrics.insert(metrics.end(), search.record.begin(), search.record.end());
  TaskOptions tasks = config.tasks;
  tasks.tasks = tasks_behind(metrics);
  tasks.trained = std::ranges::any_of(metrics, is_trained_metric);
  if (!manifest || tasks.tasks.empty()) return;
  const Names available = available_tasks(*manifest, tasks, Split::kDev);
  ConfigSection section = root.section("search");
  check_labels(section, "objectives", search.objectives, available);
  check_labels(section, "record", search.record, available);
}

}  // namespace concertina
