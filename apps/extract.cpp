// concertina extract: one subnet as a file of its own.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/budget_flags.h"
#include "apps/checkpoint.h"
#include "apps/cost_text.h"
#include "apps/results_text.h"
#include "apps/verb.h"
#include "core/errors.h"
#include "core/hash.h"
#include "core/log.h"
#include "distill/objective/layer_head.h"
#include "distill/objective/objective_file.h"
#include "pipeline/budget_answers.h"
#include "pipeline/front_text.h"
#include "supernet/model/model_file.h"
#include "supernet/space/resolve.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

// Throws, or warns with --force.
void reject_unless_forced(const std::string& fault, bool force) {
  if (!force) throw InputError(fault + " (--force overrides)");
  log_warn("{}: overridden by --force", fault);
}

// The subnet that a study gives for budgets, and what is known of it.
struct Chosen {
  Architecture architecture;
  std::string text;
  Json json;
};

// A study's numbers are those of the model whose SHA-256 it holds.
Chosen best_of(const std::string& study_path, const std::string& model, const BudgetFlags& budget,
               bool force) {
  const StudyFile study = StudyFile::open_read_only(study_path);
  const ModelRecord scored = model_record(study.header());
  if (const std::string there = sha256_file(model); there != scored.sha256) {
    reject_unless_forced(
        fmt::format("{} (SHA-256 {:.12}...) is not the model of {}, which is {}", model, there,
                    study_path,
                    scored.sha256.empty()
                        ? "not recorded"
                        : fmt::format("{} (SHA-256 {:.12}...)", scored.path, scored.sha256)),
        force);
  }
  const FrontResults results = front_results(study);
  const std::vector<Budget> budgets = budget.budgets();
  Chosen chosen{best_within(study, budgets).architecture, "", Json()};
  const SubnetResults subnet = results.of(chosen.architecture);
  chosen.text = results_text(subnet, chosen.architecture, score_command(study, study_path)) +
                latency_terms_text(results, budgets);
  if (const std::string text = correction_text(results); !text.empty()) chosen.text += text + '\n';
  chosen.json = results_json(subnet);
  return chosen;
}

Architecture asked_for(const SearchSpace& space, const std::string& text, bool force) {
  if (!force) return resolve_architecture(space, text);
  const Architecture architecture = resolve_architecture(space, text, Accept::kSliceable);
  if (!space.contains(architecture) && architecture != space.whole())
    log_warn("{} is no member of the space: it was neither trained nor scored", architecture.key());
  return architecture;
}

// The study of a model: study.db in its folder or in that of its run.
std::string study_beside(const std::string& model) {
  const std::filesystem::path folder = std::filesystem::absolute(model).parent_path();
  for (const std::filesystem::path& place : {folder, folder.parent_path()}) {
    if (const auto study = place / "study.db"; std::filesystem::exists(study))
      return study.lexically_proximate(std::filesystem::current_path()).string();
  }
  throw InputError(fmt::format(
      "{} has no study.db beside it or in the folder above: name one with --study", model));
}

struct ExtractArgs {
  std::string model, arch, study, out;
  std::string head, objective;  // the teacher whose head layer is kept; "": none
  Precision dtype = Precision::kFp32;
  BudgetFlags budget;
  bool force = false;
};

// With the head layer of a teacher, from the objective.safetensors beside the model unless one is given.
Supernet with_head(const Supernet& supernet, const Architecture& architecture,
                   const ExtractArgs& args) {
  const std::filesystem::path beside =
      std::filesystem::path(args.model).parent_path() / "objective.safetensors";
  const TrainedObjective trained =
      load_objective(args.objective.empty() ? beside : std::filesystem::path(args.objective));
  return with_layer_head(supernet, architecture, *trained.objective, trained.heads, args.head);
}

void run_extract(const ExtractArgs& args, const Globals& globals) {
  if (!args.study.empty() && !args.budget.given())
    throw InputError("--study needs a budget, e.g. --max-params 2M");
  if (args.arch.empty() != args.budget.given())
    throw InputError("extract needs either --arch or a budget, e.g. --max-params 2M");
  std::string study = args.study;
  if (args.budget.given() && study.empty()) study = study_beside(args.model);
  const Supernet supernet = load_model(args.model);
  std::optional<Chosen> chosen;
  if (!study.empty()) chosen = best_of(study, args.model, args.budget, args.force);
  const Architecture architecture =
      chosen ? chosen->architecture : asked_for(supernet.space(), args.arch, args.force);
  const Supernet extracted =
      args.head.empty() ? supernet.extract(architecture) : with_head(supernet, architecture, args);
  save_model(extracted, args.out, scalar_type(args.dtype));
  Json json = cost_json(extracted.blueprint(), extracted.storage(), extracted.storage().shape);
  json["file"] = args.out;
  json["bytes"] = std::filesystem::file_size(args.out);
  if (chosen) json.update(chosen->json);
  fmt::print("{}", globals.json ? json.dump(2) + "\n"
                                : cost_line("extracted", json) + (chosen ? chosen->text : "") +
                                      "written to " + args.out + "\n");
}

}  // namespace

void add_extract_verb(CLI::App& app, Globals& globals) {
  auto args = std::make_shared<ExtractArgs>();
  CLI::App* extract = app.add_subcommand("extract", "write one subnet as a model file of its own");
  extract->footer(
      "Examples:\n"
      "  concertina extract runs/quickstart/stage2/model.safetensors --arch smallest -o "
      "small.safetensors\n"
      "  concertina extract runs/quickstart/stage2/model.safetensors --max-params 2M "
      "-o small.safetensors\n"
      "  concertina extract runs/cerberus/stage2/model.safetensors --arch default --head whisper "
      "-o "
      "whisper.safetensors");
  globals.paths.reads(
      extract->add_option("MODEL", args->model, "supernet (.safetensors)")->required());
  extract->add_option("--arch", args->arch, kArchitectureHelp);
  globals.paths.reads(extract->add_option("--study", args->study,
                                          "take the best subnet of this study within the budget; "
                                          "by default of study.db beside the model, or in the "
                                          "folder above"));
  args->budget.add_to(*extract);
  extract->add_flag("--force", args->force,
                    "only warn when MODEL is not the study's, or --arch is no member of its space");
  globals.paths.writes(
      *extract,
      extract->add_option("-o,--out,--output", args->out, "model file to write (.safetensors)")
          ->required(),
      FileKind::kModel);
  CLI::Option* head =
      extract->add_option("--head", args->head,
                          "name of a teacher: with the encoder layer that was trained on top for "
                          "it (`head_layer: true` of an objective)");
  globals.paths.reads(
      extract
          ->add_option("--objective", args->objective,
                       "objective.safetensors with that layer; by default the one beside MODEL")
          ->needs(head));
  add_storage_dtype(*extract, args->dtype);
  extract->callback([args, &globals] { run_extract(*args, globals); });
}

}  // namespace concertina
