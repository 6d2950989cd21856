#include "pipeline/latency_profile.h"

#include <algorithm>

#include "core/errors.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "pipeline/corpus_stage.h"
#include "pipeline/pipeline_config.h"
#include "pipeline/study_setup.h"
#include "pipeline/workspace.h"
#include "supernet/model/model_file.h"
#include "supernet/space/search_space_config.h"

namespace concertina {

std::vector<LatencyPoint> profile_with_progress(const Supernet& supernet,
                                                const std::vector<Architecture>& architectures,
                                                const LatencyOptions& options,
                                                const StopToken& stop) {
  const auto runs =
      static_cast<int64_t>(architectures.size()) * (options.warmup + options.repetitions);
  Progress bar("latency", runs);
  return profile_latency(supernet, architectures, options, stop,
                         [&](int64_t, int64_t) { bar.advance(); });
}

void fit_latency_model(StudyFile& study, const Blueprint& blueprint,
                       const std::vector<LatencyPoint>& points) {
  const LatencyModel model = LatencyModel::fit(blueprint, points);
  study.set_latency_model({model.to_json(), model.sha256()});
  const LatencyError& error = *model.held_out();
  log_info(
      "latency model: {} measurements, error {:.1f} % and Kendall tau {:.2f} on held-out subnets; "
      "90 % of them lie within {:.2f} to {:.2f} times the prediction",
      error.points, 100 * error.mape, error.kendall_tau, error.low, error.high);
}

LatencyModel latency_model_of(const StudyFile& study, const std::string& path) {
  const auto record = study.latency_model();
  if (!record)
    throw NoAnswer(path + " holds no latency model: make one with `concertina latency fit`");
  return LatencyModel::from_json(record->json);
}

StudyFile open_or_create_times(const std::filesystem::path& path, const Supernet& supernet) {
  if (std::filesystem::exists(path)) return StudyFile::open(path);
  StudyHeader header;
  header.space_json = json_of(supernet.space());
  header.versions = versions_json();
  header.device = cpu_name();
  return StudyFile::create(path, header);
}

void measure_latency(const PipelineConfig& config, const Workspace& workspace,
                     const StopToken& stop) {
  const Supernet supernet = load_model(workspace.student(2), Reading::kCopied);
  StudyFile study =
      open_or_create_study(config, workspace, supernet, read_manifest(corpus_manifest(config)));
  if (study.latency_model() && study.trial_count() > 0) {
    log_info("latency: the study has trials, so its latency model is kept");
    return;
  }
  const auto architectures =
      profile_architectures(supernet.space(), config.latency.points, config.seed);
  const auto points = profile_with_progress(supernet, architectures, config.latency, stop);
  study.add_latency_points(points);
  fit_latency_model(study, supernet.blueprint(), points);
}

void ensure_latency_model(const PipelineConfig& config, const Workspace& workspace,
                          const StopToken& stop) {
  bool known = false, has_trials = false;
  if (std::filesystem::exists(workspace.study())) {
    const StudyFile study = StudyFile::open_read_only(workspace.study());
    known = study.latency_model().has_value();
    has_trials = study.trial_count() > 0;
  }
  const bool in_budget =
      !has_trials && std::ranges::count(config.budgets, "latency.pred_ms", &Budget::metric) > 0;
  if (!known && (is_searched(config.search, "latency.pred_ms") || in_budget))
    measure_latency(config, workspace, stop);
}

}  // namespace concertina
