// concertina space: show, profile, sample, shapes (contribution: contribution.cpp)
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/cost_text.h"
#include "apps/verb.h"
#include "core/errors.h"
#include "study/metric.h"
#include "supernet/model/model_file.h"
#include "supernet/space/equal_shapes.h"
#include "supernet/space/resolve.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

// A space YAML, or the space inside a model file.
SearchSpace space_of(const std::string& path) {
  return path.ends_with(".safetensors") ? load_model(path).space() : load_search_space(path);
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

void print_shapes(const SearchSpace& space, const EqualShapesOptions& options,
                  const Globals& globals) {
  const std::vector<EqualShape> shapes = equal_shapes(space, options);
  if (!globals.json) {
    for (const EqualShape& shape : shapes) fmt::print("{}\n", shape.architecture.key());
    return;
  }
  Json list = Json::array();
  for (const auto& [architecture, params] : shapes) {
    list.push_back({{"architecture", architecture.key()},
                    {"depth", architecture.depth()},
                    {"width", architecture.embed_dim()},
                    {"params", params}});
  }
  fmt::print("{}\n", list.dump(2));
}

void add_shapes(CLI::App& space, Globals& globals) {
  struct ShapesArgs {
    std::string path, params;
    EqualShapesOptions options;
  };
  const auto args = std::make_shared<ShapesArgs>();
  CLI::App* shapes = space.add_subcommand(
      "shapes",
      "members with equal parameters, from wide and shallow to narrow and deep, one key "
      "a line");
  shapes->footer(
      "For eval --archs and report --depth-width (docs/eval.md).\n\nExample:\n"
      "  concertina space shapes runs/quickstart/stage2/model.safetensors --params 2M");
  shapes->add_option("SPACE", args->path, "search space (.yaml) or model (.safetensors)")
      ->required();
  shapes->add_option("--params", args->params,
                     "parameters of all, e.g. 2M; by default the number that has the most shapes");
  add_number(*shapes, "--tolerance", args->options.tolerance, {0, 1},
             "largest share by which parameters differ from it")
      ->capture_default_str();
  add_number(*shapes, "-n", args->options.count, {2, 1000}, "shapes at most")
      ->capture_default_str();
  shapes->callback([args, &globals] {
    if (!args->params.empty()) {
      const double params = parse_metric("params", args->params);
      if (!(params >= 1 && params <= 1e12))
        throw InputError(fmt::format("--params {}: expected 1 to 1T parameters", args->params));
      args->options.params = static_cast<int64_t>(params);
    }
    print_shapes(space_of(args->path), args->options, globals);
  });
}

}  // namespace

void add_space_verbs(CLI::App& app, Globals& globals) {
  CLI::App* space = app.add_subcommand(
      "space", "show, profile and sample search spaces, and choose the layers of shallow subnets");
  space->require_subcommand(1);
  struct Args {
    std::string path, arch;
    int64_t count = 10;
  };
  auto args = std::make_shared<Args>();

  CLI::App* show =
      space->add_subcommand("show", "number of members, and parameters and MACs of the named ones");
  show->footer("Example:\n  concertina space show configs/spaces/lighthubert-small.yaml");
  show->add_option("SPACE", args->path, "search space (.yaml) or model (.safetensors)")->required();
  show->callback([args, &globals] {
    print_space(space_of(args->path), globals.json, {{"space", args->path}});
  });

  CLI::App* profile = space->add_subcommand("profile", "parameters and MACs of one architecture");
  profile->footer(
      "Example:\n  concertina space profile configs/spaces/pocket.yaml --arch smallest");
  profile->add_option("SPACE", args->path, "search space (.yaml) or model (.safetensors)")
      ->required();
  profile->add_option("--arch", args->arch, kArchitectureHelp)->default_str("default");
  profile->callback([args, &globals] {
    const SearchSpace s = space_of(args->path);
    const Json cost =
        cost_json(s.blueprint(), s.storage(),
                  resolve_architecture(s, args->arch.empty() ? "default" : args->arch));
    fmt::print("{}", globals.json ? cost.dump(2) + "\n" : cost_line("subnet", cost));
  });

  CLI::App* sample = space->add_subcommand("sample", "random members of a space, one key a line");
  sample->footer("Example:\n  concertina space sample configs/spaces/pocket.yaml -n 5 --seed 1");
  sample->add_option("SPACE", args->path, "search space (.yaml) or model (.safetensors)")
      ->required();
  add_number(*sample, "-n", args->count, {1, 1e9}, "number of members")->capture_default_str();
  add_shapes(*space, globals);
  add_contribution_verb(*space, globals);
  sample->callback([args, &globals] { print_samples(space_of(args->path), args->count, globals); });
}

}  // namespace concertina
