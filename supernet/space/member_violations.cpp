#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "core/errors.h"
#include "supernet/space/enum_text.h"
#include "supernet/space/search_space.h"
#include "supernet/space/violations.h"

namespace concertina {
namespace {

// The window 0 is global: the widest.
int64_t width_of(int32_t window) {
  return window == 0 ? std::numeric_limits<int32_t>::max() : window;
}

int64_t distance(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  int64_t sum = 0;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) sum += std::abs(a[i] - b[i]);
  return sum;
}

template <class Values, class Distance>
const auto& nearest(const Values& values, const Distance& distance) {
  return *std::ranges::min_element(values, {}, distance);
}

int32_t nearest_number(const std::vector<int32_t>& values, int32_t value) {
  return nearest(values, [value](int32_t v) { return std::abs(v - value); });
}

bool among(const std::vector<int32_t>& values, int32_t value) {
  return std::ranges::find(values, value) != values.end();
}

std::string names_of(const std::vector<AttentionKind>& kinds) {
  std::vector<std::string> names;
  for (const AttentionKind kind : kinds) names.push_back(name_of(kAttentionNames, kind));
  return fmt::format("{}", fmt::join(names, ", "));
}

// "embed_dim has 96, 128, 192, 256".
std::string described(const SpaceChoices& choices, const std::string& key) {
  const auto list = [&](const auto& values) {
    return fmt::format("{} has {}", key, fmt::join(values, ", "));
  };
  if (key == "embed_dim") return list(choices.embed_dim);
  if (key == "heads") return list(choices.heads);
  if (key == "ffn_ratio") return list(choices.ffn_ratio);
  if (key == "window") return list(choices.window);
  if (key == "attention") return fmt::format("attention has {}", names_of(choices.attention));
  if (key == "depth") {
    return fmt::format("depth keeps {} of {} layers", fmt::join(choices.depth, ", "),
                       choices.storage_depth);
  }
  if (key == "frame_period_ms") {
    std::vector<double> periods;
    for (int32_t us : choices.frame_period_us) periods.push_back(us / 1000.0);
    return list(periods);
  }
  CONCERTINA_ASSERT(key == "conv_channels");
  if (choices.conv_channels.empty()) return "a log-mel front end has no conv channels";
  std::vector<std::string> stacks;
  for (const auto& widths : choices.conv_channels) {
    const bool equal =
        widths.front() == widths.back() && std::ranges::max(widths) == std::ranges::min(widths);
    stacks.push_back(equal ? std::to_string(widths.front())
                           : fmt::format("({})", fmt::join(widths, ",")));
  }
  return list(stacks);
}

Violation not_among(const SpaceChoices& choices, std::string value, const std::string& key,
                    const std::string& nearest) {
  return {key, std::move(value),
          fmt::format("{}; the nearest is {}", described(choices, key), nearest)};
}

std::optional<Violation> layer_violation(const SpaceChoices& choices, const LayerShape& layer,
                                         int32_t embed) {
  const std::string at = fmt::format(" in layer {}", layer.index);
  if (!among(choices.heads, layer.heads)) {
    return not_among(choices, fmt::format("{} heads", layer.heads) + at, "heads",
                     fmt::format("{}", nearest_number(choices.heads, layer.heads)));
  }
  std::vector<int32_t> widths;
  for (const double ratio : choices.ffn_ratio) widths.push_back(ffn_dim_of(ratio, embed));
  if (!among(widths, layer.ffn_dim)) {
    return not_among(choices, fmt::format("FFN width {}", layer.ffn_dim) + at, "ffn_ratio",
                     fmt::format("{} at e={}", nearest_number(widths, layer.ffn_dim), embed));
  }
  const auto& kinds = choices.attention;
  if (layer.heads > 0 && std::ranges::find(kinds, layer.attention) == kinds.end()) {
    return not_among(choices, name_of(kAttentionNames, layer.attention) + " attention" + at,
                     "attention", names_of(kinds));
  }
  if (layer.heads > 0 && !layer.is_linear() && !among(choices.window, layer.window)) {
    const int32_t closest = nearest(choices.window, [&](int32_t window) {
      return std::abs(width_of(window) - width_of(layer.window));
    });
    return not_among(choices, fmt::format("window {}", layer.window) + at, "window",
                     closest == 0 ? "0 (global)" : fmt::format("{}", closest));
  }
  return std::nullopt;
}

std::optional<Violation> choice_violation(const SpaceChoices& choices,
                                          const Architecture& architecture) {
  const auto& channels = architecture.conv_channels();
  const int32_t embed = architecture.embed_dim(), period = architecture.frame_period_us();
  const auto& stacks = choices.conv_channels;
  if (stacks.empty() ? !channels.empty() : std::ranges::find(stacks, channels) == stacks.end()) {
    const std::string value = fmt::format("c={}", fmt::join(channels, ","));
    if (stacks.empty())
      return Violation{"conv_channels", value, described(choices, "conv_channels")};
    const auto& closest =
        nearest(stacks, [&](const auto& widths) { return distance(widths, channels); });
    return not_among(choices, value, "conv_channels", fmt::format("{}", fmt::join(closest, ",")));
  }
  if (!among(choices.embed_dim, embed)) {
    return not_among(choices, fmt::format("e={}", embed), "embed_dim",
                     fmt::format("{}", nearest_number(choices.embed_dim, embed)));
  }
  if (!among(choices.frame_period_us, period)) {
    return not_among(choices, fmt::format("p={}", period), "frame_period_ms",
                     fmt::format("{}", nearest_number(choices.frame_period_us, period) / 1000.0));
  }
  const int32_t depth = architecture.depth();
  if (!among(choices.depth, depth)) {
    return not_among(choices, fmt::format("a depth of {}", depth), "depth",
                     fmt::format("{}", nearest_number(choices.depth, depth)));
  }
  const std::vector<int32_t> kept = kept_layers(choices, depth);
  for (size_t i = 0; i < kept.size(); ++i) {
    const LayerShape& layer = architecture.layers()[i];
    if (layer.index != kept[i]) {
      return Violation{"depth", fmt::format("layer {}", layer.index),
                       fmt::format("at depth {} the layers are {}", depth, fmt::join(kept, ","))};
    }
    if (auto found = layer_violation(choices, layer, embed)) return found;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Violation> find_violation(const SearchSpace& space,
                                        const Architecture& architecture) {
  const auto& only = space.only_member();
  if (!only) return choice_violation(space.choices(), architecture);
  if (architecture == *only) return std::nullopt;
  return Violation{"architecture", "", fmt::format("its one member is '{}'", only->key())};
}

void check_fit(const SearchSpace& space, const Architecture& architecture) {
  if (const auto found = find_violation(space, architecture)) {
    const std::string value = found->value.empty() ? "" : fmt::format(": {}", found->value);
    throw InputError(fmt::format("architecture '{}'{} is not in the space: {}", architecture.key(),
                                 value, found->reason));
  }
}

}  // namespace concertina
