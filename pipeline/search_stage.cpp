#include "pipeline/search_stage.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/threads.h"
#include "eval/subnet_evaluator.h"
#include "pipeline/front_scores.h"
#include "pipeline/latency_profile.h"
#include "pipeline/pipeline.h"
#include "pipeline/search_inputs.h"
#include "pipeline/stage.h"
#include "pipeline/study_setup.h"
#include "search/run_study.h"
#include "study/hypervolume.h"
#include "supernet/nn/precision.h"

namespace concertina {
namespace {

SubnetEvaluator make_evaluator(const SearchInputs& inputs, const TaskOptions& tasks,
                               const StudyFile& study, const StopToken& stop) {
  const std::vector<std::string> metrics = searched_metrics(inputs.config.search);
  SubnetEvaluatorParts parts;
  parts.supernet = inputs.supernet;
  parts.distill = distill_score(inputs, Split::kDev);
  parts.teacher = teacher_score(inputs, metrics, Split::kDev, stop);
  if (const auto record = study.latency_model())
    parts.latency = LatencyModel::from_json(record->json);
  parts.manifest = inputs.manifest;
  parts.tasks = tasks;
  parts.task_dtype = scalar_type(parts.tasks.dtype);
  parts.fingerprints = search_fingerprints(inputs.config, inputs.workspace, *inputs.manifest,
                                           parts.latency ? &*parts.latency : nullptr);
  return SubnetEvaluator(std::move(parts));
}

StudyReport search_with_progress(const SearchInputs& inputs, StudyFile& study,
                                 const StopToken& stop) {
  const SearchConfig& search = inputs.config.search;
  const TaskOptions tasks =
      tasks_for(inputs.config, *inputs.manifest, searched_metrics(search), Split::kDev);
  const SubnetEvaluator evaluator = make_evaluator(inputs, tasks, study, stop);
  const SearchSpace& space = inputs.supernet->space();
  const auto searcher =
      make_searcher(searcher_options(inputs.config, study.header().objectives), space);
  const int32_t workers = search.workers > 0 ? search.workers : thread_limit();
  const auto executor = make_tbb_executor(workers, use_one_thread);
  auto done = study.trial_count();
  Progress bar("search", search.trials, done);
  const StudyReport report =
      run_study(space, *searcher, evaluator, *executor, study,
                {.trials = search.trials, .fidelity = fidelity_name(tasks)}, stop,
                [&](const StudyProgress& progress) {
                  bar.note(fmt::format("hypervolume {:.4f}, front {}", progress.hypervolume,
                                       progress.front_size));
                  bar.advance(progress.done - done);
                  done = progress.done;
                });
  at::set_num_threads(thread_limit());  // the workers' setting is partly global
  return report;
}

void log_hypervolume(const StudyFile& study) {
  const auto last = study.last_generation();
  if (!last) return;
  log_info("search: hypervolume {:.4f} against the reference point {}", last->hypervolume,
           reference_point_text(study.header()));
}

StopToken with_cap(const StopToken& stop, double max_minutes) {
  if (max_minutes <= 0) return stop;
  return stop.with_deadline(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double, std::ratio<60>>(max_minutes)));
}

// What the study holds but for the files that the report notes in it.
std::optional<std::string> study_content(const std::filesystem::path& study) {
  if (!std::filesystem::exists(study)) return std::nullopt;
  auto content = nlohmann::json::parse(StudyFile::open_read_only(study).dump_json(true));
  content.erase("artefacts");
  return sha256(content.dump());
}

}  // namespace

void search_subnets(const PipelineConfig& config, const Workspace& workspace, const StopToken& stop,
                    const SearchFlags& flags) {
  const SearchInputs inputs = SearchInputs::load(config, workspace);
  ensure_latency_model(config, workspace, stop);
  StudyFile study = open_or_create_study(config, workspace, *inputs.supernet, *inputs.manifest);
  if (const auto there = study.trial_count(); there > 0 && !flags.resume) {
    throw InputError(fmt::format(
        "{} already holds {} trials: give --resume to continue with them, or another --out",
        workspace.study().string(), there));
  }
  const StudyReport report = search_with_progress(inputs, study, with_cap(stop, flags.max_minutes));
  stop.throw_if_interrupted(fmt::format("{} holds {} trials, --resume continues",
                                        workspace.study().string(), study.trial_count()));
  log_info("search: {} trials, {} failed{}", report.trials, report.failed,
           report.stopped ? "; stopped by the time limit, --resume continues" : "");
  log_hypervolume(study);
  if (report.stopped) return;
  score_front(inputs, study, flags.score, stop);
}

Stage make_search_stage(const Pipeline& pipeline) {
  const PipelineConfig& config = pipeline.config;
  const Workspace& workspace = pipeline.workspace;
  return {
      .name = "search",  // also scores what the report names
      .settings = pipeline.section("search") + pipeline.section("tasks") +
                  pipeline.section("report") + content_hash(config.tasks.data),
      .inputs = {"latency"},
      .outputs = {workspace.study()},
      .run =
          [&](const RunContext& context) { search_subnets(config, workspace, context.stop, {}); },
      .prepare = [&] { set_aside_other_study(config, workspace); },
      .content = [&] { return study_content(workspace.study()); }};
}

}  // namespace concertina
