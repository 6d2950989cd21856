#include "pipeline/pipeline_config.h"

#include <optional>

#include "distill/train/stage.h"
#include "pipeline/config_checks.h"
#include "pipeline/more_teachers.h"
#include "pipeline/pretrained.h"
#include "speech/corpus.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

const OptionTable<CorpusConfig>& corpus_table() {
  using O = CorpusConfig;
  static const OptionTable<O> table = {
      option("tier", &O::tier, "corpus to build from Debian packages").one_of(tier_names()),
      option("root", &O::root, "folder of the corpus, relative to the working directory"),
      option("from", &O::from, "folder with packages that were downloaded before")
          .relative_to_file(),
      option("manifest", &O::manifest, "manifest.tsv of own data, instead of a tier")
          .relative_to_file()
          .then([](O& o) {
            if (!o.manifest.empty()) o.tier.clear();
          })
          .require(
              [](const O& o, const ConfigSection& section) {
                return o.manifest.empty() || !section.has("tier");
              },
              "give either a tier or a manifest"),
  };
  return table;
}

const OptionTable<SearchConfig>& search_table() {
  using O = SearchConfig;
  static const OptionTable<O> table = {
      option("searcher", &O::searcher, "NSGA-II or random search"),
      option("population", &O::population, "subnets per generation").within({1, 100000}),
      option("mutation", &O::mutation, "probability of a gene to change").within(kShareBounds),
      option("crossover", &O::crossover, "share of children with two parents").within(kShareBounds),
      option("objectives", &O::objectives, "metrics that the search optimises")
          .require([](const O& o) { return !o.objectives.empty(); }, "name at least one metric"),
      option("record", &O::record, "further metrics recorded for every trial"),
      subsection("front",
                 OptionTable<O>{
                     option("score", &O::front_score,
                            "metrics on which members of the front are scored on test"),
                     option("keep", &O::front_keep,
                            "members spread along the Pareto front that are scored on test and "
                            "measured again")
                         .within({0, 10000}),
                 }),
      option("trials", &O::trials, "subnets that are scored").within({1, 1e9}),
      option(
          "fidelity", &O::fidelity,
          "share of each task's clips in the search, at most tasks.fidelity, which holds for the "
          "scores on test")
          .within({0.001, 1}),
      option("workers", &O::workers, "subnets scored at once; 0: as many as threads")
          .within(kThreadBounds),
  };
  return table;
}

const OptionTable<PipelineConfig>& pipeline_table() {
  using O = PipelineConfig;
  static const OptionTable<O> table = {
      option("seed", &O::seed, "seed of all random numbers").within(kSeedBounds),
      subsection("corpus", &O::corpus, corpus_table()),
      described<O>("space", "path or map", "the search space (docs/formats.md)"),
      subsection("teacher",
                 OptionTable<O>{
                     option("model", &O::teacher_model, "model file, instead of pretraining one")
                         .relative_to_file()
                         .require(
                             [](const O&, const ConfigSection& section) {
                               return !section.has("model") || !section.has("pretrain");
                             },
                             "give either an existing model or pretrain"),
                     option("pretrained", &O::teacher_pretrained,
                            "encoder to download (docs/pretrained.md); where it cannot be had, "
                            "one is trained as pretrain says")
                         .require(
                             [](const O& o) {
                               return o.teacher_pretrained.empty() || o.teacher_model.empty();
                             },
                             "give either an existing model or one to download")
                         .check([](const O& o, ConfigSection section) {
                           if (o.teacher_pretrained.empty()) return;
                           try {
                             (void)pretrained_model(o.teacher_pretrained);
                           } catch (const InputError& error) {
                             section.problem("pretrained", error.what());
                           }
                         }),
                     subsection("pretrain", &O::teacher, pretrain_table()),
                 }),
      described<O>("teachers", "list of {name, model | pretrained}",
                   "more teachers, which objectives name: a model file, or an encoder to download "
                   "(docs/pretrained.md)"),
      subsection("stage1", &O::stage1, distill_table(1)),
      subsection("stage2", &O::stage2, distill_table(2)),
      subsection("sort", &O::sort, sort_table())
          .require(
              [](const O& o) { return !o.sort || o.stage2.init == StudentInit::kPreviousStage; },
              "needs stage2.init: previous, so that stage 2 starts from the sorted model"),
      subsection("latency", &O::latency, latency_table()),
      subsection("search", &O::search, search_table()),
      subsection("tasks", &O::tasks, task_table()),
      subsection("report", OptionTable<O>{described<O>(
                               "budgets", "list of {params | macs | latency: LIMIT}",
                               "for each, the report names the best subnet that fits; the first "
                               "is the one extracted")}),
  };
  return table;
}

const OptionTable<MoreTeacher>& more_teacher_table() {
  using O = MoreTeacher;
  static const OptionTable<O> table = {
      option("name", &O::name, "by which objectives name it"),
      option("model", &O::model, "model file; with snapshots, a folder of them").relative_to_file(),
      option("pretrained", &O::pretrained, "encoder to download"),
      option("snapshots", &O::snapshots,
             "the teacher changes over the student's steps: it is the snapshot of its own training "
             "that is next (waypoint) or that was reached (trajectory) at that share of the steps; "
             "without model, those of teacher.pretrain.snapshot_every"),
  };
  return table;
}

SearchSpace read_space(const ConfigFile& file, ConfigSection root) {
  if (!root.has("space")) {
    root.problem("space", "is missing: the path of a space file, or its content");
    return {};
  }
  if (root.is_map("space")) return search_space_from_config(root.section("space"), file);
  std::filesystem::path path;
  root.read("space", path);
  try {
    return load_search_space(file.resolve(path));
  } catch (const Error& error) {
    root.problem("space", error.what());
    return {};
  }
}

void add_place(const ConfigSection& teacher, const std::string& name, PipelineConfig& config) {
  for (const char* key : {"model", "pretrained", "snapshots"}) {
    if (teacher.has(key)) config.teacher_places.try_emplace(name, teacher.where(key));
  }
}

std::optional<Budget> read_budget(ConfigSection section) {
  static const std::vector<std::pair<std::string, std::string>> kMetrics = {
      {"params", "params"}, {"macs", "macs"}, {"latency", "latency.pred_ms"}};
  std::optional<Budget> budget;
  for (const auto& [key, metric] : kMetrics) {
    if (!section.has(key)) continue;
    std::string text;
    section.read(key, text);
    if (budget) section.problem(key, "one limit for each budget");
    try {
      budget = Budget{metric, parse_metric(metric, text), {}};
      if (key == "latency") budget = time_budget(budget->limit);
    } catch (const InputError& error) {
      section.problem(key, error.what());
    }
  }
  return budget;
}

}  // namespace

PipelineConfig PipelineConfig::parse(ConfigFile& file) {
  PipelineConfig config;
  ConfigSection root = file.root();
  pipeline_table().read(root, config);
  config.space = read_space(file, root);
  try {
    check_audio(config.space.blueprint());
  } catch (const InputError& error) {
    root.problem("space", error.what());
  }
  add_place(root.section("teacher"), kFirstTeacher, config);
  for (const ConfigSection& section : root.list("teachers")) {
    MoreTeacher& teacher = config.more_teachers.emplace_back();
    more_teacher_table().read(section, teacher);
    add_place(section, "teachers." + teacher.name, config);
  }
  if (config.sort) {  // it reads what stage 1 was trained on
    config.sort->source_weight = config.stage1.train.batch.source_weight;
    config.sort->seed = config.seed;
  }
  for (const ConfigSection& section : root.section("report").list("budgets")) {
    if (const std::optional<Budget> budget = read_budget(section))
      config.budgets.push_back(*budget);
  }
  check_metric_names(root, config.search);
  check_scored_objective(root, config);
  check_more_teachers(root, config);
  check_teacher(root, config);
  check_corpus(root, config);
  file.finish();
  config.effective = file.dump();
  return config;
}

std::vector<OptionRow> pipeline_options() { return pipeline_table().list("", {}); }

}  // namespace concertina
