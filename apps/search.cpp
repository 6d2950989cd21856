// concertina search: subnets of the trained supernet, scored on dev data; then the front, once, on
// test.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "pipeline/front_scores.h"
#include "pipeline/search_inputs.h"
#include "pipeline/stages.h"
#include "pipeline/study_setup.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/threads.h"
#include "supernet/nn/precision.h"
#include "eval/subnet_evaluator.h"
#include "search/study.h"
#include "supernet/model/model_file.h"
#include "supernet/space/cost.h"

namespace concertina {
namespace {

SubnetEvaluator make_evaluator(const SearchInputs& inputs, const StudyFile& study) {
  SubnetEvaluatorParts parts;
  parts.supernet = inputs.supernet;
  parts.distill = distill_score(inputs, Split::kDev);
  if (const auto record = study.latency_model())
    parts.latency = LatencyModel::from_json(record->json);
  parts.manifest = inputs.manifest;
  parts.tasks = tasks_for(inputs.config, *inputs.manifest, searched_metrics(inputs.config.search),
                          Split::kDev);
  parts.task_dtype = scalar_type(parts.tasks.dtype);
  parts.fingerprints = search_fingerprints(inputs.config, inputs.space, *inputs.manifest,
                                           parts.latency ? &*parts.latency : nullptr);
  return SubnetEvaluator(std::move(parts));
}

SearcherOptions searcher_options(const SearchInputs& inputs, const StudyFile& study) {
  const SearchConfig& search = inputs.config.search;
  return {.kind = search.searcher,
          .population = search.population,
          .mutation = search.mutation,
          .crossover = search.crossover,
          .objectives = study.header().objectives,
          .seed = inputs.config.seed};
}

StudyReport search_with_bar(const SearchInputs& inputs, StudyFile& study, const StopToken& stop) {
  const SubnetEvaluator evaluator = make_evaluator(inputs, study);
  const SearchSpace& space = inputs.supernet->space();
  const auto searcher = make_searcher(searcher_options(inputs, study), space);
  const int32_t workers =
      inputs.config.search.workers > 0 ? inputs.config.search.workers : thread_limit();
  const auto executor = make_tbb_executor(workers, use_one_thread);
  auto done = study.trial_count();
  Progress bar("search", inputs.config.search.trials, done);
  const StudyReport report =
      run_study(space, *searcher, evaluator, *executor, study,
                {.trials = inputs.config.search.trials}, stop, [&](const StudyProgress& progress) {
                  bar.note(fmt::format("hypervolume {:.4f}, front {}", progress.hypervolume,
                                       progress.front_size));
                  bar.advance(progress.done - done);
                  done = progress.done;
                });
  at::set_num_threads(thread_limit());  // the workers' setting is partly global
  return report;
}

void say_hypervolume(const StudyFile& study) {
  const auto last = study.last_generation();
  if (!last) return;
  std::string reference;
  for (const auto& [metric, value] : reference_point(study.header()))
    reference +=
        fmt::format("{}{} {}", reference.empty() ? "" : ", ", metric, metric_text(metric, value));
  log_info("search: hypervolume {:.4f} against the reference point {}", last->hypervolume,
           reference);
}

void ensure_latency_model(const SearchInputs& inputs, const Globals& globals) {
  bool known = false, has_trials = false;
  if (std::filesystem::exists(inputs.space.study())) {
    const StudyFile study = StudyFile::open_read_only(inputs.space.study());
    known = study.latency_model().has_value();
    has_trials = study.trial_count() > 0;
  }
  const bool in_budget =
      !has_trials &&
      std::ranges::count(inputs.config.budgets, "latency.pred_ms", &Budget::metric) > 0;
  if (!known && (inputs.wants("latency.pred_ms") || in_budget))
    run_latency_stage(inputs.config, inputs.space, globals);
}

struct SearchFlags {
  std::string config, out = "out";
  std::vector<std::string> score;  // architectures to score besides the named members
  int32_t workers = 0;
  StageFlags stage{.resume = false, .max_minutes = 0};
};

void search(const SearchFlags& flags, const Globals& globals) {
  ConfigFile file = load_config(flags.config, globals);
  PipelineConfig config = PipelineConfig::parse(file);
  config.file = flags.config;
  if (flags.workers > 0) config.search.workers = flags.workers;
  const Workspace space{flags.out};
  StageFlags stage = flags.stage;
  for (const std::string& text : flags.score) stage.score.push_back(config.space.resolve(text));
  run_search_stage(config, space, globals, stage);
  print_front(space, globals);
}

}  // namespace

void run_search_stage(const PipelineConfig& config, const Workspace& space, const Globals& globals,
                      const StageFlags& flags) {
  const SearchInputs inputs{
      config, space,
      std::make_shared<const Supernet>(load_model(space.student(2), Reading::kCopied)),
      std::make_shared<const Manifest>(read_manifest(corpus_manifest(config)))};
  ensure_latency_model(inputs, globals);
  StudyFile study = open_or_begin_study(config, space, *inputs.supernet, *inputs.manifest);
  if (const auto there = study.trial_count(); there > 0 && !flags.resume) {
    throw InputError(fmt::format(
        "{} already holds {} trials: --resume goes on with them, another --out starts afresh",
        space.study().string(), there));
  }
  StopToken stop = globals.stop;
  if (flags.max_minutes > 0) {
    stop = stop.with_deadline(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
        std::chrono::duration<double, std::ratio<60>>(flags.max_minutes)));
  }
  const StudyReport report = search_with_bar(inputs, study, stop);
  globals.stop.throw_if_interrupted(fmt::format("{} holds {} trials and --resume goes on",
                                                space.study().string(), study.trial_count()));
  log_info("search: {} trials, {} failed{}", report.trials, report.failed,
           report.stopped ? "; the time cap came first, --resume goes on" : "");
  say_hypervolume(study);
  if (report.stopped) return;  // test is looked at once the search is done
  score_front(inputs, study, flags.score, globals.stop);
}

void add_search_verbs(CLI::App& app, Globals& globals) {
  CLI::App* verb =
      app.add_subcommand("search", "search subnets of the supernet, then score the front on test");
  auto flags = std::make_shared<SearchFlags>();
  globals.paths.reads(
      verb->add_option("CONFIG", flags->config, "pipeline file (.yaml)")->required());
  globals.paths.writes(
      *verb, verb->add_option("--out", flags->out, "folder of the run")->capture_default_str(),
      FileKind::kFolder);
  add_number(*verb, "--workers", flags->workers, {1, kThreadBounds.high},
             "parallel workers of one thread each (default: as many as threads)");
  verb->add_flag("--resume", flags->stage.resume, "go on with the study in the run's folder");
  add_number(*verb, "--max-minutes", flags->stage.max_minutes, kMinuteBounds,
             "save and end after so many minutes");
  verb->add_option("--score", flags->score,
                   "score this subnet on test and time it too (architecture key; repeatable)");
  verb->footer(
      "The best, the knee, what each budget of report.budgets chooses and search.front.keep members\n"
      "spread along the front are scored on test and timed. Each such look at test is recorded.\n"
      "Example: concertina search configs/quickstart.yaml --out runs/quickstart --workers 2 "
      "--resume");
  verb->callback([flags, &globals] { search(*flags, globals); });
}

}  // namespace concertina
