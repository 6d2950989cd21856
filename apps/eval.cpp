// concertina eval: scores of a model beside its teacher, features without learning, its random
// initialisation and other models.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <sstream>

#include "apps/latency.h"
#include "apps/task_flags.h"
#include "apps/verb.h"
#include "core/errors.h"
#include "core/files.h"
#include "pipeline/baselines.h"
#include "pipeline/score_page.h"
#include "pipeline/score_table.h"

namespace concertina {
namespace {

struct EvalArgs {
  Comparison comparison{.data = "data/manifest.tsv"};
  std::vector<std::string> tasks = {"all"};
  Precision dtype = Precision::kAuto;
  std::string split = "test", members, output, page;
  bool trained = false, clips = false;
};

std::vector<std::string> members_in(const std::string& file) {
  std::vector<std::string> members;
  std::istringstream lines(read_text(file));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) members.push_back(line);
  }
  if (members.empty()) throw InputError(fmt::format("{}: no architecture in it", file));
  return members;
}

// Without --beside: the baselines that say what a score is worth; of many members, only they.
std::vector<std::string> compared_with(const EvalArgs& args, const CLI::App& verb) {
  if (verb.count("--beside") > 0)
    return args.comparison.with == std::vector<std::string>{"none"} ? std::vector<std::string>()
                                                                    : args.comparison.with;
  if (!args.members.empty()) return {};
  std::vector<std::string> with = {"mfcc", "fbank", "random"};
  if (!args.comparison.teacher.empty()) with.insert(with.begin(), "teacher");
  return with;
}

void evaluate(const EvalArgs& args, const CLI::App& verb, const Globals& globals) {
  Comparison comparison = args.comparison;
  comparison.seed = globals.seed;
  comparison.split = args.split == "dev" ? Split::kDev : Split::kTest;
  comparison.tasks = task_options(args.tasks, verb, globals);
  if (verb.count("--dtype") > 0) comparison.tasks.dtype = args.dtype;
  if (args.trained) comparison.tasks.trained = true;
  if (!args.members.empty()) comparison.members = members_in(args.members);
  comparison.with = compared_with(args, verb);
  const Scores scores = compare_with_baselines(comparison, globals.stop);
  const std::string json = to_json(scores, args.clips ? ClipScores::kListed : ClipScores::kNone);
  if (!args.output.empty()) write_atomically(args.output, json);
  if (!args.page.empty())
    write_atomically(args.page, score_page(scores, "Scores of " + args.comparison.model));
  fmt::print("{}", globals.json ? json : score_text(scores));
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
  globals.paths.reads(
      verb->add_option("--archs", args->members,
                       "file of names or keys, one a line: scores these members, named by their "
                       "keys, instead of --arch")
          ->excludes("--arch"));
  verb->add_option("--tasks", args->tasks,
                   fmt::format("all, or some of {}", fmt::join(task_names(), ", ")))
      ->delimiter(',')
      ->capture_default_str();
  globals.paths.reads(verb->add_option("--data", args->comparison.data, "manifest of the corpus")
                          ->capture_default_str());
  globals.paths.reads(
      verb->add_option(
              "--beside", args->comparison.with,
              "what to compare with: teacher (of --teacher), mfcc, fbank, random (its random "
              "initialisation), model files, or none; without it the first four, none with --archs")
          ->delimiter(','));
  verb->add_flag("--trained", args->trained,
                 "also train SUPERB's probe, a weighted sum of layers and a linear head: metrics "
                 "that end in _wsum");
  globals.paths.reads(verb->add_option(
      "--teacher", args->comparison.teacher,
      "model file: scores teacher.* and rankme too, without labels, against its last layer, "
      "tasks.teacher_layers or what --objective regresses"));
  globals.paths.reads(verb->add_option("--objective", args->comparison.objective,
                                       "a stage's objective.safetensors, for --teacher")
                          ->needs("--teacher"));
  verb->add_flag("--clips", args->clips,
                 "list hits and totals or trials of every clip in JSON, for scores compare");
  verb->add_option("--split", args->split, "dev or test")
      ->check(CLI::IsMember({"dev", "test"}))
      ->capture_default_str();
  add_choice(*verb, "--dtype", args->dtype,
             "what the encoder computes in; auto: bf16 where the CPU multiplies it in hardware",
             {Precision::kAuto, Precision::kFp32, Precision::kBf16});
  globals.paths.writes(*verb,
                       verb->add_option("-o,--out,--output", args->output,
                                        "JSON file to write the scores to as well"),
                       FileKind::kJson);
  globals.paths.writes(*verb,
                       verb->add_option("--html", args->page, "HTML page to write the scores to"),
                       FileKind::kPage);
  verb->footer(
      "--set takes the options of section tasks (concertina config tasks).\n"
      "Examples:\n"
      "  concertina eval model.safetensors --teacher teacher.safetensors --html scores.html\n"
      "  concertina eval model.safetensors --tasks sid --set tasks.fidelity=0.1\n"
      "  concertina eval model.safetensors --tasks pr --trained --teacher teacher.safetensors "
      "--set tasks.teacher_layers=[2,4]");
  verb->callback([args, verb, &globals] { evaluate(*args, *verb, globals); });
  add_latency_verbs(app, globals);
}

}  // namespace concertina
