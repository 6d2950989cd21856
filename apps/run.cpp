// concertina run: the whole line, one stage after the other. A stage whose stamp and outputs are as
// they were is skipped; one that was interrupted goes on where it stopped; one whose inputs changed
// starts afresh.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>

#include "apps/pareto_table.h"
#include "apps/stages.h"
#include "core/files.h"
#include "core/log.h"
#include "core/units.h"
#include "search/study.h"

namespace concertina {
namespace {

constexpr int32_t kStageFormat = 1;  // a change of what the stages write makes old stamps stale

struct Line {
  PipelineConfig config;
  Workspace space;
  Globals globals;
};

struct Stage {
  std::string name;
  std::string settings;             // what its result depends on, besides its inputs
  std::vector<std::string> inputs;  // earlier stages
  std::vector<std::filesystem::path> outputs;
  std::function<void(const Line&, const StageFlags&)> run;
};

std::string section_text(ConfigFile& file, std::string_view key) {
  return file.root().has(key) ? file.root().section(key).dump() : "";
}

// Files that a config names count by their content.
std::string file_hash(const std::filesystem::path& path) {
  return path.empty() ? "" : sha256_file(path);
}

// What a study is about. A study keeps its trials when only their number, the workers or the scores
// of its front change.
std::string study_identity(const SearchConfig& search) {
  return fmt::format("{} {} {} {} | {} | {}", search.searcher, search.population, search.mutation,
                     search.crossover, fmt::join(search.objectives, ","),
                     fmt::join(search.record, ","));
}

void put_sort_before_stage2(std::vector<Stage>& stages, std::string settings,
                            const Workspace& space) {
  const auto stage2 = std::ranges::find(stages, "stage2", &Stage::name);
  stage2->inputs = {"sort"};
  stages.insert(stage2,
                {"sort",
                 std::move(settings),
                 {"stage1"},
                 {space.sorted(), space.sorted_objective()},
                 [](const Line& l, const StageFlags&) { run_sort_stage(l.config, l.space); }});
}

std::vector<Stage> make_stages(ConfigFile& file, const Line& line) {
  const PipelineConfig& config = line.config;
  const Workspace& space = line.space;
  const std::string seed = fmt::format("seed {}\n", config.seed);
  const std::string corpus = section_text(file, "corpus") + file_hash(config.corpus.manifest);
  const std::string shape = config.space.to_json();
  const auto files = [](const TrainOptions& train) {
    return file_hash(train.augment.noise_clips) +
           (train.init_from.empty() ? "" : file_hash(train.init_from / "model.safetensors"));
  };
  const std::string teacher = section_text(file, "teacher") + file_hash(config.teacher_model) +
                              file_hash(config.teacher.units.model) + files(config.teacher.train);
  const std::string tasks = section_text(file, "tasks");
  const std::string search = section_text(file, "search") + tasks;
  const std::string latency = section_text(file, "latency") + study_identity(config.search);
  std::vector<Stage> stages = {
      {"corpus",
       corpus,
       {},
       {corpus_manifest(config)},
       [](const Line& l, const StageFlags&) { run_corpus_stage(l.config, l.globals); }},
      {"teacher",
       seed + shape + teacher,
       {"corpus"},
       {space.teacher()},
       [](const Line& l, const StageFlags& f) {
         run_teacher_stage(l.config, l.space, l.globals, f);
       }},
      {"stage1",
       section_text(file, "stage1") + files(config.stage1.train),
       {"teacher"},
       {space.student(1)},
       [](const Line& l, const StageFlags& f) {
         run_distill_stage(l.config, l.space, l.globals, f, 1);
       }},
      {"stage2",
       section_text(file, "stage2") + files(config.stage2.train),
       {"stage1"},
       {space.student(2)},
       [](const Line& l, const StageFlags& f) {
         run_distill_stage(l.config, l.space, l.globals, f, 2);
       }},
      {"latency",
       latency,
       {"stage2"},
       {space.study()},
       [](const Line& l, const StageFlags&) { run_latency_stage(l.config, l.space, l.globals); }},
      {"search",
       search,
       {"latency"},
       {space.study()},
       [](const Line& l, const StageFlags& f) {
         run_search_stage(l.config, l.space, l.globals, f);
       }},
      {"eval",
       tasks,
       {"stage2"},
       {space.scores()},
       [](const Line& l, const StageFlags&) { run_eval_stage(l.config, l.space, l.globals); }},
      {"report",
       section_text(file, "report"),
       {"search", "eval"},
       {space.subnet(), space.report()},
       [](const Line& l, const StageFlags&) { run_report_stage(l.config, l.space, l.globals); }},
  };
  if (config.sort) put_sort_before_stage2(stages, section_text(file, "sort"), space);
  return stages;
}

std::vector<std::string> stage_names(const std::vector<Stage>& stages) {
  std::vector<std::string> names;
  for (const Stage& stage : stages) names.push_back(stage.name);
  return names;
}

// A stamp file holds the hash of everything the stage depends on and how far it came: "HASH
// started" or "HASH done".
class Stamps {
 public:
  explicit Stamps(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Hash of the stage, given the hashes of the stages before it.
  const std::string& add(const Stage& stage) {
    std::string text = fmt::format("format {}\n{}\n{}\n", kStageFormat, stage.name, stage.settings);
    for (const std::string& input : stage.inputs) text += hashes_.at(input) + "\n";
    return hashes_[stage.name] = sha256(text);
  }
  bool is(const Stage& stage, std::string_view state) const {
    const std::filesystem::path path = folder_ / stage.name;
    if (!std::filesystem::exists(path)) return false;
    return read_text(path) == line(stage, state);
  }
  void set(const Stage& stage, std::string_view state) const {
    make_directories(folder_);
    write_atomically(folder_ / stage.name, line(stage, state));
  }

 private:
  std::string line(const Stage& stage, std::string_view state) const {
    return fmt::format("{} {}\n", hashes_.at(stage.name), state);
  }
  std::filesystem::path folder_;
  std::map<std::string, std::string> hashes_;
};

bool outputs_exist(const Stage& stage) {
  return std::ranges::all_of(stage.outputs,
                             [](const auto& path) { return std::filesystem::exists(path); });
}

// A study is hours of work: one that no longer belongs to the weights or the search is set aside,
// not overwritten.
void set_aside(const std::filesystem::path& study) {
  if (!std::filesystem::exists(study)) return;
  std::filesystem::path kept = study;
  for (int32_t n = 1; std::filesystem::exists(kept); ++n) {
    kept = study.parent_path() / fmt::format("study-{}.db", n);
  }
  std::filesystem::rename(study, kept);
  log_warn("the search's inputs changed: the old study is kept as {}", kept.string());
}

bool up_to_date(const Stage& stage, const Stamps& stamps) {
  return stamps.is(stage, "done") && outputs_exist(stage);
}

void run_stage(const Stage& stage, const Stamps& stamps, const Line& line) {
  if (up_to_date(stage, stamps)) {
    log_info("{}: unchanged, skipped", stage.name);
    return;
  }
  const bool resume = stamps.is(stage, "started");
  if (stage.name == "latency" && !resume) set_aside(line.space.study());
  stamps.set(stage, "started");
  log_info("{}: {}", stage.name, resume ? "going on" : "started");
  const auto start = std::chrono::steady_clock::now();
  stage.run(
      line,
      StageFlags{});  // training goes on from its own checkpoints; another run's folder is set aside
  line.globals.stop.throw_if_interrupted("state saved in " + line.space.out.string());
  stamps.set(stage, "done");
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  log_info("{}: done in {}", stage.name, format_seconds(wall.count()));
}

void print_budgets(const Line& line, const StudyFile& study) {
  for (const Budget& budget : line.config.budgets) {
    const BudgetAnswer answer = within_budgets(study, std::span(&budget, 1));
    if (answer.fitting.empty()) {
      fmt::print("within {}: no subnet fits; nearest: {}\n", describe(budget),
                 answer.nearest ? answer.nearest->architecture.key() : "none");
    } else {
      fmt::print("within {}: {}\n", describe(budget), answer.fitting.front().architecture.key());
    }
  }
}

void print_next_steps(const Line& line) {
  const Workspace& space = line.space;
  const std::string study = space.study().string(), subnet = space.subnet().string();
  const std::string supernet = space.student(2).string();
  fmt::print(
      "\nextracted subnet: {1}\nreport:           {3}\n\nGo on with\n"
      "  concertina pareto {0} --max-params 1M\n"
      "  concertina extract {2} --study {0} --max-params 1M -o small.safetensors\n"
      "  concertina encode {1} AUDIO.wav -o features.npy\n"
      "  concertina eval {1} --data {4} --beside random,mfcc\n",
      study, subnet, supernet, space.report().string(), corpus_manifest(line.config).string());
}

void print_answer(const Line& line) {
  const StudyFile study = StudyFile::open_read_only(line.space.study());
  const StudyHeader header = study.header();
  fmt::print("Pareto front on dev data ({})\n", line.space.study().string());
  fmt::print("{}\n", pareto_table(header, within_budgets(study, {}).fitting));
  print_budgets(line, study);
  print_next_steps(line);
}

struct RunFlags {
  std::string pipeline;
  std::string out;
  std::vector<std::string> stages;
  bool dry_run = false;

  bool wants(const std::string& stage) const {
    return stages.empty() || std::ranges::count(stages, stage) > 0;
  }
};

void check_stage_names(const RunFlags& flags, const std::vector<std::string>& known) {
  for (const std::string& name : flags.stages) {
    if (std::ranges::count(known, name) == 0) {
      throw InputError("--stages: unknown stage '" + name + "'" + did_you_mean(name, known));
    }
  }
}

void run_line(const RunFlags& flags, const Globals& globals) {
  ConfigFile file = load_config(flags.pipeline, globals);
  Line line{.config = PipelineConfig::parse(file), .space = {flags.out}, .globals = globals};
  if (flags.out.empty()) {
    line.space.out = std::filesystem::path("runs") / std::filesystem::path(flags.pipeline).stem();
  }
  const std::vector<Stage> stages = make_stages(file, line);
  check_stage_names(flags, stage_names(stages));
  Stamps stamps(line.space.out / "stamps");
  if (!flags.dry_run) {
    make_directories(line.space.out);
    write_atomically(line.space.out / "config.yaml", line.config.effective);
  }
  for (const Stage& stage : stages) {
    const std::string hash = stamps.add(stage);
    if (!flags.wants(stage.name)) continue;
    if (flags.dry_run) {
      fmt::print("{:<8} {} {}\n", stage.name, hash.substr(0, 16),
                 up_to_date(stage, stamps) ? "up to date" : "would run");
    } else {
      run_stage(stage, stamps, line);
    }
  }
  if (!flags.dry_run && flags.wants("report")) print_answer(line);
}

}  // namespace

void add_run_verbs(CLI::App& app, Globals& globals) {
  CLI::App* verb = app.add_subcommand("run", "the whole line of one pipeline file, resumable");
  auto flags = std::make_shared<RunFlags>();
  verb->add_option("pipeline", flags->pipeline, "pipeline file")->required();
  verb->add_option("-o,--out", flags->out, "workspace (default: runs/NAME of the file)");
  verb->add_option("--stages", flags->stages, "only these stages, e.g. corpus,teacher")
      ->delimiter(',');
  verb->add_flag("-n,--dry-run", flags->dry_run, "only say which stages would run");
  verb->footer("Example: concertina run configs/quickstart.yaml --out runs/quickstart --seed 1");
  verb->callback([flags, &globals] {
    if (globals.launch.size > 1) {
      throw InputError(fmt::format(
          "run goes through its stages in one process, and {} were launched: give them to pretrain "
          "and train, then run the rest",
          globals.launch.size));
    }
    run_line(*flags, globals);
  });
}

}  // namespace concertina
