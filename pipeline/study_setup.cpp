#include "pipeline/study_setup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/machine.h"
#include "eval/fingerprints.h"
#include "eval/subnet_evaluator.h"
#include "pipeline/corpus_stage.h"
#include "pipeline/more_teachers.h"
#include "search/searcher.h"
#include "study/same_study.h"
#include "supernet/model/model_file.h"
#include "supernet/nn/precision.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

// Names that PipelineConfig::parse has checked.
std::vector<MetricInfo> metrics_named(const std::vector<std::string>& names) {
  std::vector<MetricInfo> metrics;
  for (const std::string& name : names) {
    const Metric* known = find_metric(name);
    CONCERTINA_ASSERT(known != nullptr);
    metrics.push_back(known->info());
  }
  return metrics;
}

// A study's frozen latency model comes from one profile.
Facts settings_of_study(const PipelineConfig& config, const std::vector<MetricInfo>& objectives) {
  Facts settings = settings_of(searcher_options(config, objectives));
  const LatencyOptions& latency = config.latency;
  settings["latency.points"] = fmt::format("{}", latency.points);
  settings["latency.threads"] = fmt::format("{}", latency.threads);
  settings["latency.seconds"] = fmt::format("{}", latency.seconds);
  settings["latency.dtype"] = enum_name(latency.dtype);
  settings["latency.warmup"] = fmt::format("{}", latency.warmup);
  settings["latency.repetitions"] = fmt::format("{}", latency.repetitions);
  return settings;
}

StudyHeader study_header(const PipelineConfig& config, const Workspace& workspace,
                         const Supernet& supernet, const Manifest& manifest) {
  StudyHeader header;
  header.space_json = json_of(supernet.space());
  header.seed = config.seed;
  header.config = config.effective;
  header.versions = versions_json();
  header.data = manifest.fingerprint();
  header.model =
      nlohmann::json{{"path", workspace.student(2).lexically_relative(workspace.out).string()},
                     {"sha256", sha256_file(workspace.student(2))}}
          .dump();
  header.device = cpu_name();
  header.objectives = metrics_named(config.search.objectives);
  header.recorded = metrics_named(config.search.record);
  header.settings = settings_of_study(config, header.objectives);
  header.fingerprints = search_fingerprints(config, workspace, manifest, nullptr);
  return header;
}

}  // namespace

std::vector<std::string> searched_metrics(const SearchConfig& search) {
  std::vector<std::string> names = search.objectives;
  names.insert(names.end(), search.record.begin(), search.record.end());
  return names;
}

SearcherOptions searcher_options(const PipelineConfig& config,
                                 const std::vector<MetricInfo>& objectives) {
  const SearchConfig& search = config.search;
  return {.kind = search.searcher,
          .population = search.population,
          .mutation = search.mutation,
          .crossover = search.crossover,
          .objectives = objectives,
          .seed = config.seed};
}

bool is_searched(const SearchConfig& search, const std::string& metric) {
  return std::ranges::count(searched_metrics(search), metric) > 0;
}

TaskOptions tasks_for(const PipelineConfig& config, const Manifest& manifest,
                      const std::vector<std::string>& metrics, Split split) {
  TaskOptions options = config.tasks;
  if (split == Split::kDev) options.fidelity = std::min(options.fidelity, config.search.fidelity);
  options.tasks = tasks_behind(metrics);
  options.trained = std::ranges::any_of(metrics, is_trained_metric);
  options.tasks = available_tasks(manifest, options, split);
  return options;
}

std::string fidelity_name(const TaskOptions& searched) {
  const bool all = searched.tasks.empty() || searched.fidelity >= 1;
  return all ? "full" : fmt::format("{}", searched.fidelity);
}

DistillScoreOptions distill_score_options(const PipelineConfig& config) {
  const TrainOptions& train = config.stage2.train;
  return {.crops = train.validation_crops,
          .seconds = train.batch.seconds,
          .source_weight = train.batch.source_weight,
          .seed = config.seed};
}

TeacherScoreOptions teacher_score_options(const PipelineConfig& config) {
  return {.seconds = config.tasks.teacher_seconds,
          .source_weight = config.stage2.train.batch.source_weight,
          .seed = config.seed};
}

Fingerprints score_fingerprints(const PipelineConfig& config, const Workspace& workspace,
                                const Manifest& manifest, const std::vector<std::string>& metrics,
                                const TaskOptions& tasks, const LatencyModel* latency) {
  const DistillScoreOptions distill = distill_score_options(config);
  const TeacherScoreOptions teacher = teacher_score_options(config);
  ScoreSources sources{.supernet = sha256_file(workspace.student(2)),
                       .manifest = &manifest,
                       .latency = latency,
                       .tasks = tasks};
  sources.task_dtype = scalar_type(tasks.dtype);
  if (is_searched(config.search, kDistillMetric)) sources.distill = &distill;
  if (std::ranges::any_of(metrics, is_teacher_metric)) sources.teacher_score = &teacher;
  if (sources.distill || sources.teacher_score) {
    sources.teacher =
        sha256_file(workspace.teacher()) + more_teachers_hash(config, config.stage2.objective);
    sources.objective = sha256_file(workspace.objective(2));
  }
  return metric_fingerprints(sources);
}

Fingerprints search_fingerprints(const PipelineConfig& config, const Workspace& workspace,
                                 const Manifest& manifest, const LatencyModel* latency) {
  const std::vector<std::string> metrics = searched_metrics(config.search);
  return score_fingerprints(config, workspace, manifest, metrics,
                            tasks_for(config, manifest, metrics, Split::kDev), latency);
}

StudyFile open_or_create_study(const PipelineConfig& config, const Workspace& workspace,
                               const Supernet& supernet, const Manifest& manifest) {
  const StudyHeader header = study_header(config, workspace, supernet, manifest);
  if (!std::filesystem::exists(workspace.study()))
    return StudyFile::create(workspace.study(), header);
  StudyFile study = StudyFile::open(workspace.study());
  const std::vector<std::string> differences = study_differences(study.header(), header);
  if (!differences.empty()) {
    throw InputError(fmt::format("{} is another study: {}; move it away or give another --out",
                                 workspace.study().string(), fmt::join(differences, "; ")));
  }
  return study;
}

void set_aside_other_study(const PipelineConfig& config, const Workspace& workspace) {
  if (!std::filesystem::exists(workspace.study())) return;
  const StudyHeader header = study_header(config, workspace, load_model(workspace.student(2)),
                                          read_manifest(corpus_manifest(config)));
  const std::vector<std::string> differences =
      study_differences(StudyFile::open_read_only(workspace.study()).header(), header);
  if (differences.empty()) return;
  const std::filesystem::path kept = workspace.old_study();
  StudyFile::move(workspace.study(), kept);
  log_warn("the existing study has other settings and is renamed to {}; a new one is started: {}",
           kept.string(), fmt::join(differences, "; "));
}

std::string versions_json() {
  return nlohmann::json{
      {"concertina", CONCERTINA_VERSION}, {"torch", TORCH_VERSION}, {"compiler", __VERSION__}}
      .dump();
}

}  // namespace concertina
