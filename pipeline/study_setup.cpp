#include "pipeline/study_setup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "supernet/nn/precision.h"
#include "eval/fingerprints.h"
#include "eval/subnet_evaluator.h"
#include "search/same_study.h"
#include "search/searcher.h"
#include "supernet/model/model_file.h"

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
  const SearchConfig& search = config.search;
  Facts settings = settings_of({.kind = search.searcher,
                                .population = search.population,
                                .mutation = search.mutation,
                                .crossover = search.crossover,
                                .objectives = objectives,
                                .seed = config.seed});
  const LatencyOptions& latency = config.latency;
  settings["latency.points"] = fmt::format("{}", latency.points);
  settings["latency.threads"] = fmt::format("{}", latency.threads);
  settings["latency.seconds"] = fmt::format("{}", latency.seconds);
  settings["latency.dtype"] = latency.dtype;
  settings["latency.warmup"] = fmt::format("{}", latency.warmup);
  settings["latency.repetitions"] = fmt::format("{}", latency.repetitions);
  return settings;
}

StudyHeader header_of(const PipelineConfig& config, const Workspace& space,
                      const Supernet& supernet, const Manifest& manifest) {
  StudyHeader header;
  header.space_json = supernet.space().to_json();
  header.seed = config.seed;
  header.config = config.effective;
  header.versions = versions_json();
  header.data = manifest.fingerprint();
  header.model = nlohmann::json{{"path", space.student(2).lexically_relative(space.out).string()},
                                {"sha256", sha256_file(space.student(2))}}
                     .dump();
  header.device = cpu_name();
  header.objectives = metrics_named(config.search.objectives);
  header.recorded = metrics_named(config.search.record);
  header.settings = settings_of_study(config, header.objectives);
  header.fingerprints = search_fingerprints(config, space, manifest, nullptr);
  return header;
}

}  // namespace

std::vector<std::string> searched_metrics(const SearchConfig& search) {
  std::vector<std::string> names = search.objectives;
  names.insert(names.end(), search.record.begin(), search.record.end());
  return names;
}

TaskOptions tasks_for(const PipelineConfig& config, const Manifest& manifest,
                      const std::vector<std::string>& metrics, Split split) {
  TaskOptions options = config.tasks;
  options.tasks = tasks_behind(metrics);
  options.tasks = available_tasks(manifest, options, split);
  return options;
}

DistillScoreOptions distill_score_options(const PipelineConfig& config) {
  const TrainOptions& train = config.stage2.train;
  return {.crops = train.validation_crops,
          .seconds = train.batch.seconds,
          .source_weight = train.batch.source_weight,
          .seed = config.seed};
}

Fingerprints search_fingerprints(const PipelineConfig& config, const Workspace& space,
                                 const Manifest& manifest, const LatencyModel* latency) {
  const std::vector<std::string> metrics = searched_metrics(config.search);
  const DistillScoreOptions distill = distill_score_options(config);
  ScoreSources sources{.supernet = sha256_file(space.student(2)),
                       .manifest = &manifest,
                       .latency = latency,
                       .tasks = tasks_for(config, manifest, metrics, Split::kDev)};
  sources.task_dtype = scalar_type(sources.tasks.dtype);
  if (std::ranges::count(metrics, kDistillMetric) > 0) {
    sources.distill = &distill;
    sources.teacher = sha256_file(space.teacher());
    sources.objective = sha256_file(space.objective(2));
  }
  return metric_fingerprints(sources);
}

StudyFile open_or_begin_study(const PipelineConfig& config, const Workspace& space,
                              const Supernet& supernet, const Manifest& manifest) {
  const StudyHeader header = header_of(config, space, supernet, manifest);
  if (!std::filesystem::exists(space.study())) return StudyFile::create(space.study(), header);
  StudyFile study = StudyFile::open(space.study());
  const std::vector<std::string> differences = study_differences(study.header(), header);
  if (!differences.empty()) {
    throw InputError(fmt::format("{} is another study: {}; move it away or give another --out",
                                 space.study().string(), fmt::join(differences, "; ")));
  }
  return study;
}

void set_aside_other_study(const PipelineConfig& config, const Workspace& space) {
  if (!std::filesystem::exists(space.study())) return;
  const StudyHeader header = header_of(config, space, load_model(space.student(2)),
                                       read_manifest(corpus_manifest(config)));
  const std::vector<std::string> differences =
      study_differences(StudyFile::open_read_only(space.study()).header(), header);
  if (differences.empty()) return;
  std::filesystem::path kept = space.study();
  for (int32_t n = 1; std::filesystem::exists(kept); ++n)
    kept = space.out / fmt::format("study-{}.db", n);
  StudyFile::move(space.study(), kept);
  log_warn("the study is kept as {}, for another begins: {}", kept.string(),
           fmt::join(differences, "; "));
}

std::string versions_json() {
  return nlohmann::json{
      {"concertina", CONCERTINA_VERSION}, {"torch", TORCH_VERSION}, {"compiler", __VERSION__}}
      .dump();
}

}  // namespace concertina
