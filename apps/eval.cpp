// concertina eval: a model beside its random initialisation, the MFCC floor and other models.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "apps/latency.h"
#include "pipeline/baselines.h"
#include "pipeline/stages.h"
#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "supernet/nn/precision.h"
#include "supernet/model/model_file.h"

namespace concertina {
namespace {

struct EvalFlags {
  std::string model, architecture = "default", data = "data/manifest.tsv", split = "test", output;
  std::string dtype = "auto";
  std::vector<std::string> tasks = {"all"}, beside;
};

Supernet random_of_shape(const Supernet& model, const Architecture& architecture, uint64_t seed) {
  const SearchSpace shape =
      SearchSpace::single(model.blueprint(), {architecture, model.storage().rule});
  return untrained_twin(model, shape, seed);
}

void evaluate(const EvalFlags& flags, const Globals& globals) {
  const Supernet model = load_model(flags.model, Reading::kCopied);
  const Architecture architecture = model.space().resolve(flags.architecture);
  const Manifest manifest = read_manifest(flags.data);
  TaskOptions options;
  options.tasks = flags.tasks == std::vector<std::string>{"all"} ? task_names() : flags.tasks;
  const at::ScalarType dtype = scalar_type(flags.dtype);
  SideBySide table(manifest, options, flags.split == "dev" ? Split::kDev : Split::kTest,
                   globals.stop);
  if (table.tasks().names().empty())
    throw InputError(fmt::format("{}: none of the tasks {} can be scored", flags.data,
                                 fmt::join(options.tasks, ", ")));
  table.add_subnet(std::filesystem::path(flags.model).stem().string(),
                   model.slice(architecture, dtype));
  for (const std::string& other : flags.beside) {
    if (other == "random") {
      table.add_subnet(
          "random", random_of_shape(model, architecture, globals.seed).slice(architecture, dtype));
    } else if (other == "mfcc") {
      table.add_mfcc_floor();
    } else {
      const Supernet beside = load_model(other, Reading::kCopied);
      table.add_subnet(other, beside.slice(beside.space().default_architecture(), dtype));
    }
  }
  if (!flags.output.empty()) write_atomically(flags.output, table.to_json(globals.seed));
  fmt::print("{}", globals.json ? table.to_json(globals.seed) : table.table());
}

struct Member {
  std::string name;
  Architecture architecture;
};

}  // namespace

void run_eval_stage(const PipelineConfig& config, const Workspace& space, const Globals& globals) {
  const Manifest manifest = read_manifest(corpus_manifest(config));
  const Supernet teacher = load_model(space.teacher(), Reading::kCopied);
  const Supernet supernet = load_model(space.student(2), Reading::kCopied);
  SideBySide table(manifest, config.tasks, Split::kTest, globals.stop);
  if (table.tasks().names().empty())
    log_info("eval: no task can be scored on this corpus, so there are no scores");
  const at::ScalarType dtype = scalar_type(config.tasks.dtype);  // one for all columns
  const Architecture shape = teacher.space().largest();
  table.add_subnet("teacher", teacher.slice(shape, dtype));
  table.add_subnet("random",
                   untrained_twin(teacher, teacher.space(), config.seed).slice(shape, dtype));
  table.add_mfcc_floor();
  const Supernet untrained = untrained_twin(supernet, supernet.space(), config.seed);
  const std::vector<Member> members = {{"largest", supernet.space().largest()},
                                       {"default", supernet.space().default_architecture()},
                                       {"smallest", supernet.space().smallest()}};
  for (const Member& member : members) {
    table.add_subnet(member.name, supernet.slice(member.architecture, dtype));
    table.add_subnet(member.name + " untrained", untrained.slice(member.architecture, dtype));
  }
  write_atomically(space.scores(), table.to_json(config.seed));
  log_info("eval: scores on test in {}\n{}", space.scores().string(), table.table());
}

void add_eval_verbs(CLI::App& app, Globals& globals) {
  CLI::App* verb =
      app.add_subcommand("eval", "score a model on proxy tasks, beside floors and other models");
  auto flags = std::make_shared<EvalFlags>();
  globals.paths.reads(verb->add_option("MODEL", flags->model, "model file")->required());
  verb->add_option("--arch", flags->architecture, kArchitectureHelp)->capture_default_str();
  verb->add_option("--tasks", flags->tasks, "all, or some of pr,sid,asv")
      ->delimiter(',')
      ->capture_default_str();
  globals.paths.reads(
      verb->add_option("--data", flags->data, "manifest of the corpus")->capture_default_str());
  globals.paths.reads(
      verb->add_option("--beside", flags->beside, "random, mfcc or model files")->delimiter(','));
  verb->add_option("--split", flags->split, "dev or test")
      ->check(CLI::IsMember({"dev", "test"}))
      ->capture_default_str();
  verb->add_option("--dtype", flags->dtype, "of the encoder: auto, fp32 or bf16")
      ->capture_default_str();
  globals.paths.writes(
      *verb, verb->add_option("-o,--output", flags->output, "also write the scores as JSON"),
      FileKind::kJson);
  verb->footer(
      "Example: concertina eval runs/quickstart/teacher/model.safetensors --beside random,mfcc");
  verb->callback([flags, &globals] { evaluate(*flags, globals); });
  add_latency_verbs(app, globals);
}

}  // namespace concertina
