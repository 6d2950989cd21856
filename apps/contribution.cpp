// space contribution
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/verb.h"
#include "core/config.h"
#include "core/errors.h"
#include "core/files.h"
#include "distill/layer_cosines.h"
#include "speech/manifest.h"
#include "speech/selection.h"
#include "supernet/model/model_file.h"
#include "supernet/space/drop_order.h"
#include "supernet/space/resolve.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kClipSeconds = 15;

struct ContributionArgs {
  std::string model, data, out, arch = "whole";
  int64_t clips = 50;
};

// Random ones of split dev, by --seed.
std::vector<size_t> dev_clips(const Manifest& manifest, const ContributionArgs& args,
                              const Globals& globals) {
  std::vector<size_t> all;
  for (size_t i = 0; i < manifest.clips.size(); ++i) {
    if (manifest.clips[i].split == Split::kDev) all.push_back(i);
  }
  if (all.empty()) {
    throw InputError(
        fmt::format("{}: no clip is of split dev, on which layers are measured", args.data));
  }
  ClipOrder order = random_order(all.size(), Rng(globals.seed).fork("contribution"));
  order.resize(std::min(order.size(), static_cast<size_t>(args.clips)));
  for (size_t& each : order) each = all[each];
  return order;
}

Json sets_json(const SearchSpace& space) {
  Json sets = Json::object();
  for (const auto& set : space.choices().explicit_sets) sets[std::to_string(set.size())] = set;
  return sets;
}

void print_contributions(const Json& json) {
  fmt::print("{:>5}  {:>6}  {:>7}\n", "layer", "cosine", "dropped");
  for (const Json& row : json["layers"]) {
    fmt::print("{:>5}  {:>6.3f}  {:>7}\n", row["layer"].get<int32_t>(), row["cosine"].get<double>(),
               row["dropped"].get<int32_t>());
  }
  for (const auto& [depth, layers] : json["sets"].items()) {
    fmt::print("depth {} keeps layers {}\n", depth,
               fmt::join(layers.get<std::vector<int32_t>>(), ", "));
  }
  if (json.contains("file")) fmt::print("space written to {}\n", json["file"].get<std::string>());
}

std::string commented(const SearchSpace& space, const ContributionArgs& args,
                      const LayerCosines& measured, size_t clips) {
  return fmt::format(
      "# The space of {} with the depth sets of contribution (Sajjad et al. 2020): layers whose "
      "output is most like\n# their input are dropped first. Cosines of layers 0 to {} on {} dev "
      "clips: {:.3f}.\n{}",
      tsv_field(args.model), measured.cosines.size() - 1, clips, fmt::join(measured.cosines, ", "),
      yaml_of(json_of(space)));
}

void contribution(const ContributionArgs& args, const Globals& globals) {
  const Supernet model = load_model(args.model);
  const Architecture arch = resolve_architecture(model.space(), args.arch);
  const std::string problem = no_depth_sets(model.space(), static_cast<size_t>(arch.depth()));
  if (!args.out.empty() && !problem.empty())
    throw InputError(fmt::format("{}: {}", args.model, problem));
  const Manifest manifest = read_manifest(args.data);
  const std::vector<size_t> clips = dev_clips(manifest, args, globals);
  const LayerCosines measured =
      layer_cosines(model.slice(arch), manifest, clips, kClipSeconds, globals.stop);
  const std::vector<int32_t> order = drop_order(measured.cosines);
  Json json = {{"model", args.model},
               {"architecture", arch.key()},
               {"clips", clips.size()},
               {"frames", measured.frames}};
  for (size_t i = 0; i < order.size(); ++i) {
    const auto place = std::ranges::find(order, static_cast<int32_t>(i)) - order.begin();
    json["layers"].push_back({{"layer", arch.layers()[i].index},
                              {"cosine", measured.cosines[i]},
                              {"dropped", place + 1}});
  }
  json["sets"] = Json::object();
  if (problem.empty()) {
    const SearchSpace space = with_drop_order(model.space(), order);
    json["sets"] = sets_json(space);
    if (!args.out.empty()) {
      write_atomically(args.out, commented(space, args, measured, clips.size()));
      json["file"] = args.out;
    }
  }
  if (globals.json)
    fmt::print("{}\n", json.dump(2));
  else
    print_contributions(json);
}

}  // namespace

void add_contribution_verb(CLI::App& space, Globals& globals) {
  CLI::App* verb = space.add_subcommand(
      "contribution",
      "how much each layer changes its input, and depth sets without those that change it least");
  verb->footer(
      "cosine: of a layer's input and output, mean over the frames of dev clips (their first 15 "
      "s)\ndropped: its place when layers are dropped, the highest cosine first (Sajjad et al. "
      "2020)\n-o writes the model's space with the depth sets that follow (docs/training.md)\n\n"
      "Example:\n"
      "  concertina space contribution runs/quickstart/stage1/model.safetensors --data "
      "data/manifest.tsv -o space.yaml");
  const auto args = std::make_shared<ContributionArgs>();
  globals.paths.reads(
      verb->add_option("MODEL", args->model, "model file (.safetensors)")->required());
  globals.paths.reads(verb->add_option("--data", args->data, "manifest of the corpus")->required());
  add_number(*verb, "--clips", args->clips, {1, 1e9}, "dev clips, chosen at random by --seed")
      ->capture_default_str();
  verb->add_option("--arch", args->arch, kArchitectureHelp)->capture_default_str();
  globals.paths.writes(*verb,
                       verb->add_option("-o,--out", args->out, "search space to write (.yaml)"),
                       FileKind::kSpace);
  verb->callback([args, &globals] { contribution(*args, globals); });
}

}  // namespace concertina
