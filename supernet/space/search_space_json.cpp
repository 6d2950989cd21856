#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "supernet/space/blueprint_config.h"
#include "supernet/space/enum_text.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

using nlohmann::json;

double to_ms(int32_t us) { return us / 1000.0; }

std::string stack_text(const std::vector<int32_t>& widths) {
  return fmt::format("{}", fmt::join(widths, ","));
}

json depth_json(const SpaceChoices& choices) {
  json depth = {{"of", choices.storage_depth},
                {"keep", choices.depth},
                {"policy", name_of(kPolicyNames, choices.policy)}};
  for (const auto& set : choices.explicit_sets) depth["sets"][std::to_string(set.size())] = set;
  return depth;
}

json default_json(const SpaceDefault& values) {
  json out = json::object();
  if (!values.conv_channels.empty()) {
    out["conv_channels"] = json::array({stack_text(values.conv_channels)});
  }
  if (values.embed_dim > 0) out["embed_dim"] = values.embed_dim;
  if (values.heads >= 0) out["heads"] = values.heads;
  if (values.ffn_ratio >= 0) out["ffn_ratio"] = values.ffn_ratio;
  if (values.window >= 0) out["window"] = values.window;
  if (values.attention) out["attention"] = name_of(kAttentionNames, *values.attention);
  if (values.depth > 0) out["depth"] = values.depth;
  if (values.frame_period_us > 0) out["frame_period_ms"] = to_ms(values.frame_period_us);
  return out;
}

}  // namespace

std::string json_of(const SearchSpace& space) {
  json out = {{"blueprint", json::parse(json_of(space.blueprint()))},
              {"storage", {{"rule", name_of(kRuleNames, space.rule())}}}};
  if (space.only_member()) {
    out["architecture"] = space.only_member()->key();
    return out.dump();
  }
  if (space.stored()) out["storage"]["largest"] = space.stored()->key();
  const SpaceChoices& choices = space.choices();
  for (const auto& widths : choices.conv_channels) {
    out["conv_channels"].push_back(stack_text(widths));
  }
  out["embed_dim"] = choices.embed_dim;
  out["heads"] = choices.heads;
  out["ffn_ratio"] = choices.ffn_ratio;
  out["window"] = choices.window;
  if (choices.attention != SpaceChoices().attention) {
    for (AttentionKind kind : choices.attention)
      out["attention"].push_back(name_of(kAttentionNames, kind));
  }
  for (int32_t us : choices.frame_period_us) out["frame_period_ms"].push_back(to_ms(us));
  out["depth"] = depth_json(choices);
  if (json values = default_json(space.default_values()); !values.empty())
    out["default"] = std::move(values);
  return out.dump();
}

}  // namespace concertina
