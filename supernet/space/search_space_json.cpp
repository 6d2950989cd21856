#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "supernet/space/search_space.h"
#include "supernet/space/space_text.h"

namespace concertina {
namespace {

using nlohmann::json;

double to_ms(int32_t us) { return us / 1000.0; }

std::string stack_text(const std::vector<int32_t>& widths) {
  return fmt::format("{}", fmt::join(widths, ","));
}

json depth_json(const SearchSpace::Choices& choices) {
  json depth = {{"of", choices.storage_depth},
                {"keep", choices.depth},
                {"policy", kPolicyNames[static_cast<size_t>(choices.policy)]}};
  for (const auto& set : choices.explicit_sets) depth["sets"][std::to_string(set.size())] = set;
  return depth;
}

json default_json(const SearchSpace::Default& values) {
  json out = json::object();
  if (!values.conv_channels.empty()) {
    out["conv_channels"] = json::array({stack_text(values.conv_channels)});
  }
  if (values.embed_dim > 0) out["embed_dim"] = values.embed_dim;
  if (values.heads >= 0) out["heads"] = values.heads;
  if (values.ffn_ratio >= 0) out["ffn_ratio"] = values.ffn_ratio;
  if (values.window >= 0) out["window"] = values.window;
  if (values.depth > 0) out["depth"] = values.depth;
  if (values.frame_period_us > 0) out["frame_period_ms"] = to_ms(values.frame_period_us);
  return out;
}

}  // namespace

std::string SearchSpace::to_json() const {
  json out = {{"blueprint", json::parse(blueprint_.to_json())},
              {"storage", {{"rule", kRuleNames[static_cast<size_t>(rule_)]}}}};
  if (single_) {
    out["architecture"] = single_->key();
    return out.dump();
  }
  if (storage_) out["storage"]["largest"] = storage_->key();
  for (const auto& widths : choices_.conv_channels) {
    out["conv_channels"].push_back(stack_text(widths));
  }
  out["embed_dim"] = choices_.embed_dim;
  out["heads"] = choices_.heads;
  out["ffn_ratio"] = choices_.ffn_ratio;
  out["window"] = choices_.window;
  for (int32_t us : choices_.frame_period_us) out["frame_period_ms"].push_back(to_ms(us));
  out["depth"] = depth_json(choices_);
  if (json values = default_json(default_); !values.empty()) out["default"] = std::move(values);
  return out.dump();
}

}  // namespace concertina
