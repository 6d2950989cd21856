// concertina attack: what adversarial noise on the waveform does to subnets and their teacher.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "apps/task_flags.h"
#include "apps/verb.h"
#include "core/files.h"
#include "pipeline/robustness.h"

namespace concertina {
namespace {

constexpr double kAttackFidelity = 0.1;  // a pass for each pair of models

struct AttackArgs {
  RobustnessRequest request{.members = {"smallest", "largest"}, .data = "data/manifest.tsv"};
  std::vector<std::string> tasks = {"all"};
  std::string split = "test", output;
};

void attack(const AttackArgs& args, const CLI::App& verb, const Globals& globals) {
  RobustnessRequest request = args.request;
  TaskOptions defaults;
  defaults.fidelity = kAttackFidelity;
  request.tasks = task_options(args.tasks, verb, globals, defaults);
  request.split = args.split == "dev" ? Split::kDev : Split::kTest;
  request.attack.seed = globals.seed;
  const Robustness robustness = measure_robustness(request, globals.stop);
  if (!args.output.empty()) write_atomically(args.output, to_json(robustness));
  fmt::print("{}", globals.json ? to_json(robustness) : robustness_text(robustness));
}

}  // namespace

void add_attack_verb(CLI::App& app, Globals& globals) {
  CLI::App* verb = app.add_subcommand(
      "attack", "score subnets under adversarial noise that is made with each of them");
  const auto args = std::make_shared<AttackArgs>();
  globals.paths.reads(
      verb->add_option("MODEL", args->request.model, "model file (.safetensors)")->required());
  verb->add_option("--arch", args->request.members,
                   std::string("a subnet (repeatable): ") + kArchitectureHelp)
      ->allow_extra_args(false)
      ->capture_default_str();
  globals.paths.reads(verb->add_option("--teacher", args->request.teacher,
                                       "model file that is attacked, and attacks, too"));
  verb->add_option("--tasks", args->tasks,
                   fmt::format("all, or some of {}", fmt::join(task_names(), ", ")))
      ->delimiter(',')
      ->capture_default_str();
  globals.paths.reads(verb->add_option("--data", args->request.data, "manifest of the corpus")
                          ->capture_default_str());
  verb->add_option("--split", args->split, "dev or test")
      ->check(CLI::IsMember({"dev", "test"}))
      ->capture_default_str();
  add_number(*verb, "--noise", args->request.attack.noise_to_signal, {1e-5, 10},
             "norm of the noise over that of the clip: 0.01 is 40 dB below it")
      ->capture_default_str();
  add_number(*verb, "--steps", args->request.attack.steps, {1, 1000},
             "gradient steps of the attack")
      ->capture_default_str();
  globals.paths.writes(*verb,
                       verb->add_option("-o,--out,--output", args->output,
                                        "JSON file to write the scores to as well"),
                       FileKind::kJson);
  verb->footer(
      "A tenth of each task's clips (--set tasks.fidelity=1: all), in fp32.\n"
      "Example:\n"
      "  concertina attack runs/quickstart/stage2/model.safetensors --teacher teacher.safetensors "
      "--tasks pr,sid");
  verb->callback([args, verb, &globals] { attack(*args, *verb, globals); });
}

}  // namespace concertina
