// Which architectures are members of a space, and what is said of the others.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "core/errors.h"
#include "supernet/space/search_space.h"
#include "supernet/space/space_checks.h"

namespace concertina {
namespace {

// The window 0 sees all keys: it is as wide as can be.
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

}  // namespace

// What is wrong with one gene; `nearest`: the choice that comes closest.
Misfit SearchSpace::not_among(std::string value, const std::string& gene,
                              const std::string& nearest) const {
  return {std::move(value), gene,
          fmt::format("{}; the nearest is {}", describe_choices(gene), nearest)};
}

std::optional<Misfit> SearchSpace::off_grid(const Architecture& architecture) const {
  const auto& channels = architecture.conv_channels();
  const int32_t embed = architecture.embed_dim(), period = architecture.frame_period_us();
  const auto& stacks = choices_.conv_channels;
  if (stacks.empty() ? !channels.empty() : std::ranges::find(stacks, channels) == stacks.end()) {
    const std::string value = fmt::format("c={}", fmt::join(channels, ","));
    if (stacks.empty()) return Misfit{value, "conv_channels", describe_choices("conv_channels")};
    const auto& closest =
        nearest(stacks, [&](const auto& widths) { return distance(widths, channels); });
    return not_among(value, "conv_channels", fmt::format("{}", fmt::join(closest, ",")));
  }
  if (!among(choices_.embed_dim, embed)) {
    return not_among(fmt::format("e={}", embed), "embed_dim",
                     fmt::format("{}", nearest_number(choices_.embed_dim, embed)));
  }
  if (!among(choices_.frame_period_us, period)) {
    return not_among(fmt::format("p={}", period), "frame_period_ms",
                     fmt::format("{}", nearest_number(choices_.frame_period_us, period) / 1000.0));
  }
  const int32_t depth = architecture.depth();
  if (!among(choices_.depth, depth)) {
    return not_among(fmt::format("a depth of {}", depth), "depth",
                     fmt::format("{}", nearest_number(choices_.depth, depth)));
  }
  const std::vector<int32_t> kept = kept_layers(depth);
  for (size_t i = 0; i < kept.size(); ++i) {
    const LayerShape& layer = architecture.layers()[i];
    if (layer.index != kept[i]) {
      return Misfit{fmt::format("layer {}", layer.index), "depth",
                    fmt::format("at depth {} the layers are {}", depth, fmt::join(kept, ","))};
    }
    if (auto found = layer_off_grid(layer, embed)) return found;
  }
  return std::nullopt;
}

std::optional<Misfit> SearchSpace::layer_off_grid(const LayerShape& layer, int32_t embed) const {
  const std::string at = fmt::format(" in layer {}", layer.index);
  if (!among(choices_.heads, layer.heads)) {
    return not_among(fmt::format("{} heads", layer.heads) + at, "heads",
                     fmt::format("{}", nearest_number(choices_.heads, layer.heads)));
  }
  std::vector<int32_t> widths;
  for (const double ratio : choices_.ffn_ratio) widths.push_back(ffn_dim_of(ratio, embed));
  if (!among(widths, layer.ffn_dim)) {
    return not_among(fmt::format("FFN width {}", layer.ffn_dim) + at, "ffn_ratio",
                     fmt::format("{} at e={}", nearest_number(widths, layer.ffn_dim), embed));
  }
  if (layer.heads > 0 && !among(choices_.window, layer.window)) {
    const int32_t closest = nearest(choices_.window, [&](int32_t window) {
      return std::abs(width_of(window) - width_of(layer.window));
    });
    return not_among(fmt::format("window {}", layer.window) + at, "window",
                     closest == 0 ? "0 (global)" : fmt::format("{}", closest));
  }
  return std::nullopt;
}

bool SearchSpace::contains(const Architecture& architecture) const {
  return single_ ? architecture == *single_ : !off_grid(architecture);
}

void SearchSpace::check_member(const Architecture& architecture) const {
  if (single_) {
    if (architecture == *single_) return;
    throw InputError(fmt::format("architecture '{}' is not in the space: its one member is '{}'",
                                 architecture.key(), single_->key()));
  }
  if (const auto found = off_grid(architecture)) {
    throw InputError(fmt::format("architecture '{}': {} is not in the space: {}",
                                 architecture.key(), found->value, found->why));
  }
}

std::string SearchSpace::describe_choices(const std::string& gene) const {
  const auto list = [&](const auto& values) {
    return fmt::format("{} has {}", gene, fmt::join(values, ", "));
  };
  if (gene == "embed_dim") return list(choices_.embed_dim);
  if (gene == "heads") return list(choices_.heads);
  if (gene == "ffn_ratio") return list(choices_.ffn_ratio);
  if (gene == "window") return list(choices_.window);
  if (gene == "depth") {
    return fmt::format("depth keeps {} of {} layers", fmt::join(choices_.depth, ", "),
                       choices_.storage_depth);
  }
  if (gene == "frame_period_ms") {
    std::vector<double> periods;
    for (int32_t us : choices_.frame_period_us) periods.push_back(us / 1000.0);
    return list(periods);
  }
  CONCERTINA_ASSERT(gene == "conv_channels");
  if (choices_.conv_channels.empty()) return "a log-mel front end has no conv channels";
  std::vector<std::string> stacks;
  for (const auto& widths : choices_.conv_channels) {
    const bool equal =
        widths.front() == widths.back() && std::ranges::max(widths) == std::ranges::min(widths);
    stacks.push_back(equal ? std::to_string(widths.front())
                           : fmt::format("({})", fmt::join(widths, ",")));
  }
  return list(stacks);
}

}  // namespace concertina
