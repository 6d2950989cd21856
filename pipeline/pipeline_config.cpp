#include "pipeline/pipeline_config.h"

#include <optional>

#include "pipeline/config_checks.h"
#include "distill/train/stage.h"
#include "speech/corpus.h"

namespace concertina {
namespace {

void read_resolved(const ConfigFile& file, ConfigSection& section, std::string_view key,
                   std::filesystem::path& path) {
  section.read(key, path);
  if (section.has(key) && !path.empty()) path = file.resolve(path);
}

CorpusConfig read_corpus(const ConfigFile& file, ConfigSection section) {
  CorpusConfig corpus;
  section.read("root", corpus.root);
  read_resolved(file, section, "from", corpus.from);
  read_resolved(file, section, "manifest", corpus.manifest);
  if (!corpus.manifest.empty()) {
    corpus.tier.clear();
    if (section.has("tier")) section.problem("manifest", "give either a tier or a manifest");
    return corpus;
  }
  const std::vector<std::string> tiers = tier_names();
  int32_t tier = -1;
  section.read_choice("tier", tiers, tier);
  if (tier >= 0) corpus.tier = tiers[static_cast<size_t>(tier)];
  return corpus;
}

SearchSpace read_space(const ConfigFile& file, ConfigSection root) {
  if (!root.has("space")) {
    root.problem("space", "is missing: the path of a space file, or its content");
    return {};
  }
  if (root.is_map("space")) return SearchSpace::from_config(root.section("space"), file);
  std::filesystem::path path;
  root.read("space", path);
  try {
    return SearchSpace::load(file.resolve(path));
  } catch (const Error& error) {
    root.problem("space", error.what());
    return {};
  }
}

SearchConfig read_search(ConfigSection section) {
  SearchConfig search;
  const std::vector<std::string> searchers = {"nsga2", "random"};
  int32_t searcher = 0;
  section.read_choice("searcher", searchers, searcher);
  search.searcher = searchers[static_cast<size_t>(searcher)];
  section.read("population", search.population, {1, 100000});
  section.read("mutation", search.mutation, kShareBounds);
  section.read("crossover", search.crossover, kShareBounds);
  section.read("objectives", search.objectives);
  if (search.objectives.empty()) section.problem("objectives", "name at least one metric");
  section.read("record", search.record);
  ConfigSection front = section.section("front");
  front.read("score", search.front_score);
  front.read("keep", search.front_keep, {0, 10000});
  section.read("trials", search.trials, {1, 1e9});
  section.read("workers", search.workers, kThreadBounds);
  return search;
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

// The sort reads what stage 1 was trained on, and only a stage 2 that goes on from it has use for
// it.
std::optional<SortOptions> read_sort(ConfigSection root, const PipelineConfig& config) {
  if (!root.has("sort")) return std::nullopt;
  SortOptions sort = SortOptions::from_config(root.section("sort"));
  sort.source_weight = config.stage1.train.batch.source_weight;
  sort.seed = config.seed;
  if (config.stage2.init != StudentInit::kPreviousStage) {
    root.problem("sort", "stage2.init: previous is needed, for only then stage 2 starts from it");
  }
  return sort;
}

}  // namespace

PipelineConfig PipelineConfig::parse(ConfigFile& file) {
  PipelineConfig config;
  ConfigSection root = file.root();
  int64_t seed = 0;
  root.read("seed", seed, kSeedBounds);
  config.seed = static_cast<uint64_t>(seed);
  config.corpus = read_corpus(file, root.section("corpus"));
  config.space = read_space(file, root);
  try {
    check_audio(config.space.blueprint());
  } catch (const InputError& error) {
    root.problem("space", error.what());
  }

  ConfigSection teacher = root.section("teacher");
  read_resolved(file, teacher, "model", config.teacher_model);
  if (teacher.has("model") && teacher.has("pretrain")) {
    teacher.problem("model", "give either an existing model or pretrain");
  }
  config.teacher = PretrainOptions::from_config(teacher.section("pretrain"));
  config.stage1 = DistillOptions::from_config(root.section("stage1"), 1);
  config.stage2 = DistillOptions::from_config(root.section("stage2"), 2);
  std::filesystem::path& unit_model = config.teacher.units.model;
  if (!unit_model.empty()) unit_model = file.resolve(unit_model);
  for (TrainOptions* train : {&config.teacher.train, &config.stage1.train, &config.stage2.train}) {
    std::filesystem::path& noise = train->augment.noise_clips;
    if (!noise.empty()) noise = file.resolve(noise);
    if (!train->init_from.empty()) train->init_from = file.resolve(train->init_from);
  }
  config.sort = read_sort(root, config);
  config.latency = LatencyOptions::from_config(root.section("latency"));
  config.tasks = TaskOptions::from_config(root.section("tasks"));
  config.search = read_search(root.section("search"));
  ConfigSection report = root.section("report");
  for (const ConfigSection& section : report.list("budgets")) {
    if (const std::optional<Budget> budget = read_budget(section))
      config.budgets.push_back(*budget);
  }
  check_metric_names(root, config.search);
  check_teacher_layers(root, config);
  check_corpus(root, config);
  file.finish();
  config.effective = file.dump();
  return config;
}

}  // namespace concertina
