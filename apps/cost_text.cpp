#include "apps/cost_text.h"

#include <fmt/format.h>

#include "core/format.h"
#include "supernet/space/cost.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;
constexpr int64_t kWorkloadSamples = 160000;  // 10 s: what MACs are quoted for

Json describe_space(const SearchSpace& space) {
  const Storage storage = space.storage();
  Json json = {{"architectures", space.size()}};
  json["smallest"] = cost_json(space.blueprint(), storage, space.smallest());
  json["default"] = cost_json(space.blueprint(), storage, space.default_architecture());
  json["largest"] = cost_json(space.blueprint(), storage, space.largest());
  json["whole"] = cost_json(space.blueprint(), storage, space.whole());
  return json;
}

}  // namespace

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

}  // namespace concertina
