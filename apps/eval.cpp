// concertina eval: scores of a model, compared with its random initialisation, MFCC features and
// other models.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "apps/latency.h"
#include "apps/verb.h"
#include "core/files.h"
#include "pipeline/baselines.h"

namespace concertina {
namespace {

struct EvalArgs {
  Comparison comparison{.data = "data/manifest.tsv", .tasks = {"all"}};
  std::string split = "test", output;
};

void evaluate(const EvalArgs& args, const Globals& globals) {
  Comparison comparison = args.comparison;
  comparison.seed = globals.seed;
  comparison.split = args.split == "dev" ? Split::kDev : Split::kTest;
  if (comparison.tasks == std::vector<std::string>{"all"}) comparison.tasks = task_names();
  const BaselineTable table = compare_with_baselines(comparison, globals.stop);
  if (!args.output.empty()) write_atomically(args.output, table.to_json(globals.seed));
  fmt::print("{}", globals.json ? table.to_json(globals.seed) : table.text());
}

}  // namespace

void add_eval_verbs(CLI::App& app, Globals& globals) {
  CLI::App* verb = app.add_subcommand(
      "eval", "score a model on proxy tasks and compare it with baselines and other models");
  auto args = std::make_shared<EvalArgs>();
  globals.paths.reads(
      verb->add_option("MODEL", args->comparison.model, "model file (.safetensors)")->required());
  verb->add_option("--arch", args->comparison.architecture, kArchitectureHelp)
      ->capture_default_str();
  verb->add_option("--tasks", args->comparison.tasks,
                   fmt::format("all, or some of {}", fmt::join(task_names(), ", ")))
      ->delimiter(',')
      ->capture_default_str();
  globals.paths.reads(verb->add_option("--data", args->comparison.data, "manifest of the corpus")
                          ->capture_default_str());
  globals.paths.reads(
      verb->add_option(
              "--beside", args->comparison.with,
              "what to compare with: random (its random initialisation), mfcc, or model files")
          ->delimiter(','));
  verb->add_option("--split", args->split, "dev or test")
      ->check(CLI::IsMember({"dev", "test"}))
      ->capture_default_str();
  add_choice(*verb, "--dtype", args->comparison.dtype,
             "what the encoder computes in; auto: bf16 where the CPU multiplies it in hardware",
             {Precision::kAuto, Precision::kFp32, Precision::kBf16});
  globals.paths.writes(*verb,
                       verb->add_option("-o,--out,--output", args->output,
                                        "JSON file to write the scores to as well"),
                       FileKind::kJson);
  verb->footer(
      "Example:\n"
      "  concertina eval runs/quickstart/teacher/model.safetensors --beside random,mfcc");
  verb->callback([args, &globals] { evaluate(*args, globals); });
  add_latency_verbs(app, globals);
}

}  // namespace concertina
