// concertina run: the whole line, one stage after the other. A stage whose stamp and outputs are as
// they were is skipped; one that was interrupted goes on where it stopped; one whose inputs changed
// starts afresh.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/run_answer.h"
#include "pipeline/stages.h"
#include "pipeline/study_setup.h"
#include "core/files.h"
#include "core/log.h"
#include "core/units.h"
#include "speech/manifest.h"

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
  // The search also scores what the report will name.
  const std::string search = section_text(file, "search") + tasks + section_text(file, "report");
  const std::string latency = section_text(file, "latency");
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
  explicit Stamps(std::filesystem::path folder) : folder_(std::move(folder)) {
    remove_abandoned(folder_);
  }

  // Hash of the stage, given the hashes of the stages before it.
  const std::string& add(const Stage& stage) {
    std::string text = fmt::format("format {}\n{}\n{}\n", kStageFormat, stage.name, stage.settings);
    for (const std::string& input : stage.inputs) text += hashes_.at(input) + "\n";
    return hashes_[stage.name] = sha256(text);
  }
  // What a stage made counts too, for the stages after it.
  void add_content(const std::string& stage, const std::string& content) {
    hashes_.at(stage) = sha256(hashes_.at(stage) + content);
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

bool up_to_date(const Stage& stage, const Stamps& stamps) {
  return stamps.is(stage, "done") && outputs_exist(stage);
}

void run_stage(const Stage& stage, const Stamps& stamps, const Line& line) {
  if (up_to_date(stage, stamps)) {
    log_info("{}: unchanged, skipped", stage.name);
    return;
  }
  const bool resume = stamps.is(stage, "started");
  if (stage.name == "latency" || stage.name == "search")
    set_aside_other_study(line.config, line.space);
  for (const std::filesystem::path& output : stage.outputs) remove_abandoned(output);
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

void print_plan(const nlohmann::ordered_json& plan, const Globals& globals) {
  if (globals.json) {
    fmt::print("{}\n", plan.dump(1));
    return;
  }
  for (const auto& row : plan) {
    fmt::print("{:<8} {} {}\n", row["stage"].get<std::string>(), row["hash"].get<std::string>(),
               row["state"].get<std::string>());
  }
}

// The effective config beside the results; a pipeline file that is just this file stays as it is.
void write_config(const std::string& pipeline, const Line& line) {
  const std::filesystem::path effective = line.space.out / "config.yaml";
  std::error_code none;
  if (!std::filesystem::equivalent(pipeline, effective, none))
    write_atomically(effective, line.config.effective);
}

// What the clips sound like counts for the stages that read them.
void add_sound(Stamps& stamps, const PipelineConfig& config) {
  const std::filesystem::path manifest = corpus_manifest(config);
  if (!std::filesystem::exists(manifest)) return;
  stamps.add_content("corpus", read_manifest(manifest).fingerprint());
}

void run_line(const RunFlags& flags, const Globals& globals) {
  ConfigFile file = load_config(flags.pipeline, globals);
  Line line{.config = PipelineConfig::parse(file), .space = {flags.out}, .globals = globals};
  line.config.file = flags.pipeline;
  if (flags.out.empty()) {
    line.space.out = std::filesystem::path("runs") / std::filesystem::path(flags.pipeline).stem();
  }
  const std::vector<Stage> stages = make_stages(file, line);
  check_stage_names(flags, stage_names(stages));
  Stamps stamps(line.space.out / "stamps");
  if (!flags.dry_run) {
    make_directories(line.space.out);
    write_config(flags.pipeline, line);
  }
  nlohmann::ordered_json plan = nlohmann::ordered_json::array();
  for (const Stage& stage : stages) {
    if (std::ranges::count(stage.inputs, "corpus") > 0) add_sound(stamps, line.config);
    const std::string hash = stamps.add(stage);
    if (!flags.wants(stage.name)) continue;
    if (flags.dry_run) {
      plan.push_back({{"stage", stage.name},
                      {"hash", hash.substr(0, 16)},
                      {"state", up_to_date(stage, stamps) ? "up to date" : "would run"}});
    } else {
      run_stage(stage, stamps, line);
    }
  }
  if (flags.dry_run)
    print_plan(plan, globals);
  else if (flags.wants("report"))
    print_run_answer(line.config, line.space, globals);
}

}  // namespace

void add_run_verbs(CLI::App& app, Globals& globals) {
  CLI::App* verb = app.add_subcommand("run", "the whole line of one pipeline file, resumable");
  auto flags = std::make_shared<RunFlags>();
  globals.paths.reads(verb->add_option("pipeline", flags->pipeline, "pipeline file")->required());
  globals.paths.writes(
      *verb, verb->add_option("-o,--out", flags->out, "workspace (default: runs/NAME of the file)"),
      FileKind::kFolder);
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
