#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/budget_flags.h"
#include "apps/checkpoint.h"
#include "apps/results_text.h"
#include "apps/verb.h"
#include "core/errors.h"
#include "core/files.h"
#include "core/log.h"
#include "core/units.h"
#include "eval/latency.h"
#include "supernet/model/model_file.h"
#include "supernet/space/blueprint_config.h"
#include "supernet/space/cost.h"
#include "supernet/space/resolve.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;
constexpr int64_t kWorkloadSamples = 160000;  // 10 s: what MACs are quoted for

Json cost_json(const Blueprint& blueprint, const Storage& storage,
               const Architecture& architecture) {
  const Cost cost = cost_of(blueprint, architecture, kWorkloadSamples, storage.shape.embed_dim());
  return {{"architecture", architecture.key()},
          {"params", cost.params},
          {"params_lighthubert", cost.params_lighthubert},
          {"macs_10s", cost.macs}};
}

std::string cost_line(const char* name, const Json& cost) {
  return fmt::format("{:<9} {:>9} params  {:>9} MACs per 10 s   {}\n", name,
                     format_count(cost["params"].get<double>()),
                     format_count(cost["macs_10s"].get<double>()),
                     cost["architecture"].get<std::string>());
}

Json describe_space(const SearchSpace& space) {
  const Storage storage = space.storage();
  Json json = {{"architectures", space.size()}};
  json["smallest"] = cost_json(space.blueprint(), storage, space.smallest());
  json["default"] = cost_json(space.blueprint(), storage, space.default_architecture());
  json["largest"] = cost_json(space.blueprint(), storage, space.largest());
  json["whole"] = cost_json(space.blueprint(), storage, space.whole());
  return json;
}

void print_space(const SearchSpace& space, bool as_json, const Json& extra) {
  Json json = extra;
  json.update(describe_space(space));
  if (as_json) {
    fmt::print("{}\n", json.dump(2));
    return;
  }
  for (const auto& [key, value] : extra.items()) {
    fmt::print("{}: {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  fmt::print("architectures: {}\n", json["architectures"].get<std::string>());
  for (const char* name : {"smallest", "default", "largest", "whole"})
    fmt::print("{}", cost_line(name, json[name]));
}

// A space YAML, or the space inside a model file.
SearchSpace space_of(const std::string& path) {
  return path.ends_with(".safetensors") ? load_model(path).space() : load_search_space(path);
}

void add_model(CLI::App& app, Globals& globals) {
  CLI::App* model =
      app.add_subcommand("model", "Look into model files, import, export and sort them");
  model->require_subcommand(1);
  CLI::App* show = model->add_subcommand("show", "Size, space and origin of a model file");
  show->footer("Example:\n  concertina model show runs/quickstart/stage2/model.safetensors");
  auto path = std::make_shared<std::string>();
  globals.paths.reads(show->add_option("MODEL", *path, "Model file (.safetensors)")->required());
  show->callback([path, &globals] {
    const auto begin = std::chrono::steady_clock::now();
    const Supernet supernet = load_model(*path);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    const Json extra = {{"model", *path},
                        {"sha256", sha256_file(*path)},
                        {"load_ms", std::round(took.count() * 10) / 10},
                        {"tensors", supernet.weights().size()},
                        {"blueprint", Json::parse(json_of(supernet.blueprint()))},
                        {"provenance", supernet.provenance()}};
    print_space(supernet.space(), globals.json, extra);
  });
  add_checkpoint_verbs(*model, globals);
  add_sort_verb(*model, globals);
}

// Printed as they are drawn: there may be many.
void print_samples(const SearchSpace& space, int64_t count, const Globals& globals) {
  Rng rng = Rng(globals.seed).fork("space sample");
  for (int64_t i = 0; i < count; ++i) {
    globals.stop.throw_if_interrupted("");
    const std::string key = space.sample(rng).key();
    if (globals.json) {
      fmt::print("{}  {}", i == 0 ? "[\n" : ",\n", Json(key).dump());
    } else {
      fmt::print("{}\n", key);
    }
  }
  if (globals.json) fmt::print("\n]\n");
}

void add_space(CLI::App& app, Globals& globals) {
  CLI::App* space = app.add_subcommand("space", "Look into search spaces");
  space->require_subcommand(1);
  struct Args {
    std::string path, arch;
    int64_t count = 10;
  };
  auto args = std::make_shared<Args>();

  CLI::App* show =
      space->add_subcommand("show", "Exact size and the parameters and MACs of the named subnets");
  show->footer("Example:\n  concertina space show configs/spaces/lighthubert-small.yaml");
  show->add_option("SPACE", args->path, "Space file (.yaml) or model (.safetensors)")->required();
  show->callback([args, &globals] {
    print_space(space_of(args->path), globals.json, {{"space", args->path}});
  });

  CLI::App* profile = space->add_subcommand("profile", "Parameters and MACs of one architecture");
  profile->footer(
      "Example:\n  concertina space profile configs/spaces/pocket.yaml --arch smallest");
  profile->add_option("SPACE", args->path, "Space file (.yaml) or model (.safetensors)")
      ->required();
  profile->add_option("--arch", args->arch, kArchitectureHelp)->default_str("default");
  profile->callback([args, &globals] {
    const SearchSpace s = space_of(args->path);
    const Json cost =
        cost_json(s.blueprint(), s.storage(),
                  resolve_architecture(s, args->arch.empty() ? "default" : args->arch));
    fmt::print("{}", globals.json ? cost.dump(2) + "\n" : cost_line("subnet", cost));
  });

  CLI::App* sample = space->add_subcommand("sample", "Random members of a space, one key a line");
  sample->footer("Example:\n  concertina space sample configs/spaces/pocket.yaml -n 5 --seed 1");
  sample->add_option("SPACE", args->path, "Space file (.yaml) or model (.safetensors)")->required();
  add_number(*sample, "-n", args->count, {1, 1e9}, "How many")->capture_default_str();
  sample->callback([args, &globals] { print_samples(space_of(args->path), args->count, globals); });
}

// A fault that --force overrides, aloud.
void object(const std::string& fault, bool force) {
  if (!force) throw InputError(fault + " (--force goes on all the same)");
  log_warn("{}: going on all the same, as --force asks", fault);
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
    object(fmt::format("{} (SHA-256 {:.12}...) is not the model of {}, which is {}", model, there,
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
    log_warn("{} is no member of the space: nobody trained or scored it", architecture.key());
  return architecture;
}

void add_extract(CLI::App& app, Globals& globals) {
  struct Args {
    std::string model, arch, study, out, dtype = "fp32";
    BudgetFlags budget;
    bool force = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* extract =
      app.add_subcommand("extract", "Write one subnet as a file that runs without the supernet");
  extract->footer(
      "Examples:\n  concertina extract MODEL.safetensors --arch smallest -o small.safetensors\n"
      "  concertina extract MODEL.safetensors --study study.db --max-params 2M -o "
      "small.safetensors");
  globals.paths.reads(
      extract->add_option("MODEL", args->model, "Supernet (.safetensors)")->required());
  extract->add_option("--arch", args->arch, kArchitectureHelp);
  globals.paths.reads(extract->add_option(
      "--study", args->study, "Take the best subnet of this study that fits the budget"));
  args->budget.add_to(*extract);
  extract->add_flag(
      "--force", args->force,
      "Go on, with a warning, when MODEL is not the study's or --arch is no member of "
      "its space");
  globals.paths.writes(*extract,
                       extract->add_option("-o,--output", args->out, "File to write")->required(),
                       FileKind::kModel);
  add_storage_dtype(*extract, args->dtype);
  extract->callback([args, &globals] {
    if (args->arch.empty() == args->study.empty())
      throw InputError("extract needs either --arch or --study with a budget");
    if (!args->study.empty() && !args->budget.given())
      throw InputError("--study needs a budget, e.g. --max-params 2M");
    const Supernet supernet = load_model(args->model);
    const std::optional<Chosen> chosen =
        args->study.empty() ? std::nullopt
                            : std::optional(best_of(args->study, args->model, args->budget, args->force));
    const Architecture architecture =
        chosen ? chosen->architecture
               : asked_for(supernet.space(), args->arch, args->force);
    save_model(supernet.extract(architecture), args->out, storage_dtype(args->dtype));
    Json json = cost_json(supernet.blueprint(), supernet.storage(), architecture);
    json["file"] = args->out;
    json["bytes"] = std::filesystem::file_size(args->out);
    if (chosen) json.update(chosen->json);
    fmt::print("{}", globals.json ? json.dump(2) + "\n"
                                  : cost_line("extracted", json) + (chosen ? chosen->text : "") +
                                        "written to " + args->out + "\n");
  });
}

void add_bench(CLI::App& app, Globals& globals) {
  struct Args {
    std::string model, arch = "largest";
    LatencyOptions options;
  };
  auto args = std::make_shared<Args>();
  args->options.seconds = 10;
  CLI::App* bench = app.add_subcommand("bench", "Time one subnet on this machine");
  bench->footer("Example:\n  concertina bench subnet.safetensors --threads 1 --seconds 10");
  bench->add_option("MODEL", args->model, "Model file (.safetensors)")->required();
  bench->add_option("--arch", args->arch, kArchitectureHelp)->capture_default_str();
  add_number(*bench, "--seconds", args->options.seconds, kLatencySeconds, "Length of the audio, s")
      ->capture_default_str();
  bench->add_option("--dtype", args->options.dtype, "fp32 or bf16")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->capture_default_str();
  add_number(*bench, "--repetitions", args->options.repetitions, kLatencyRepetitions, "Timed runs")
      ->capture_default_str();
  bench->callback([args, &globals] {
    const Supernet supernet = load_model(args->model);
    args->options.threads = globals.threads > 0 ? globals.threads : at::get_num_threads();
    const Architecture architecture = resolve_architecture(supernet.space(), args->arch);
    const LatencyPoint point =
        profile_latency(supernet, {architecture}, args->options, globals.stop).at(0);
    const Cost cost =
        cost_of(supernet.blueprint(), architecture,
                static_cast<int64_t>(point.seconds * supernet.blueprint().sample_rate));
    const double gmacs = static_cast<double>(cost.macs) / point.p50_ms / 1e6;
    if (globals.json) {
      const Json json = {{"architecture", architecture.key()},
                         {"device", point.device},
                         {"threads", point.threads},
                         {"dtype", point.dtype},
                         {"audio_s", point.seconds},
                         {"p50_ms", point.p50_ms},
                         {"p95_ms", point.p95_ms},
                         {"mean_ms", point.mean_ms},
                         {"iqr_ms", point.spread_ms},
                         {"repetitions", point.n},
                         {"params", cost.params},
                         {"macs", cost.macs},
                         {"gmacs_per_s", gmacs}};
      fmt::print("{}\n", json.dump(2));
      return;
    }
    fmt::print("{}\n{}, {} threads, {}, {} s of audio, {} runs\n", architecture.key(), point.device,
               point.threads, point.dtype, point.seconds, point.n);
    fmt::print("p50 {:.2f} ms   p95 {:.2f} ms   {:.0f}x real time   {:.1f} GMAC/s   {} params\n",
               point.p50_ms, point.p95_ms, point.seconds * 1e3 / point.p50_ms, gmacs,
               format_count(static_cast<double>(cost.params)));
  });
}

}  // namespace

void add_model_verbs(CLI::App& app, Globals& globals) {
  add_model(app, globals);
  add_space(app, globals);
  add_extract(app, globals);
  add_bench(app, globals);
}

}  // namespace concertina
