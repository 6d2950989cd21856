// concertina model: show, import, fetch, export, sort
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/checkpoint.h"
#include "apps/cost_text.h"
#include "apps/verb.h"
#include "core/hash.h"
#include "supernet/model/model_file.h"
#include "supernet/space/blueprint_config.h"

namespace concertina {

namespace {

using Json = nlohmann::ordered_json;

void show_model(const std::string& path, bool as_json) {
  const auto begin = std::chrono::steady_clock::now();
  const Supernet supernet = load_model(path);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  const Json extra = {{"model", path},
                      {"sha256", sha256_file(path)},
                      {"load_ms", std::round(took.count() * 10) / 10},
                      {"tensors", supernet.weights().size()},
                      {"blueprint", Json::parse(json_of(supernet.blueprint()))},
                      {"provenance", supernet.provenance()}};
  print_space(supernet.space(), as_json, extra);
}

}  // namespace

void add_model_verbs(CLI::App& app, Globals& globals) {
  CLI::App* model = app.add_subcommand("model", "show, import, fetch, export and sort model files");
  model->require_subcommand(1);
  CLI::App* show =
      model->add_subcommand("show", "size, search space and provenance of a model file");
  show->footer("Example:\n  concertina model show runs/quickstart/stage2/model.safetensors");
  auto path = std::make_shared<std::string>();
  globals.paths.reads(show->add_option("MODEL", *path, "model file (.safetensors)")->required());
  show->callback([path, &globals] { show_model(*path, globals.json); });
  add_checkpoint_verbs(*model, globals);
  add_sort_verb(*model, globals);
}

}  // namespace concertina
