#include "supernet/space/space_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <ranges>

#include "core/errors.h"

namespace concertina {
namespace {

using Choices = SearchSpace::Choices;

constexpr int32_t kMaxWidth = 65'536;
constexpr int32_t kMaxHeads = 1'024;
constexpr double kMaxRatio = 64;
constexpr int32_t kMaxLayers = 1'000;
constexpr int32_t kMaxPeriodUs = 10'000'000;

class Checker {
 public:
  explicit Checker(const Choices& choices) : choices_(choices) {}
  std::vector<SpaceProblem> take() && { return std::move(problems_); }

  void problem(std::string key, std::string message) {
    problems_.push_back({std::move(key), std::move(message)});
  }

  template <class T>
  void list(const char* key, const std::vector<T>& values, T low, T high) {
    if (values.empty()) problem(key, "at least one value is needed");
    for (const T& value : values) {
      // Not (value < low || value > high): NaN is out of range too.
      if (!(value >= low && value <= high)) {
        problem(key, fmt::format("{} is out of range: expected {} to {}", value, low, high));
      }
    }
  }

  void channels(const Blueprint& blueprint) {
    const bool wave = blueprint.front_end == FrontEndKind::kWave;
    if (wave == choices_.conv_channels.empty()) {
      problem("conv_channels", wave ? "at least one width is needed by a waveform front end"
                                    : "a log-mel front end has no conv layers");
      return;
    }
    for (const auto& widths : choices_.conv_channels) {
      list("conv_channels", widths, 1, kMaxWidth);
      if (widths.size() != blueprint.wave.layers.size()) {
        problem("conv_channels", fmt::format("{} widths for {} conv layers", widths.size(),
                                             blueprint.wave.layers.size()));
      }
    }
  }

  void layers() {
    list("heads", choices_.heads, 0, kMaxHeads);
    list("ffn_ratio", choices_.ffn_ratio, 0.0, kMaxRatio);
    list("window", choices_.window, 0, kMaxWidth);
    for (int32_t window : choices_.window) {
      if (window % 2 != 0) {
        problem("window", fmt::format("{} is odd: half of it lies on each side", window));
      }
    }
    const bool no_heads = std::ranges::find(choices_.heads, 0) != choices_.heads.end();
    for (double ratio : choices_.ffn_ratio) {
      for (int32_t embed : choices_.embed_dim) ffn(ratio, embed, no_heads);
    }
  }

  // A layer that reuses an attention map has the heads and the window of the layer that makes it.
  void reuse(const Blueprint& blueprint) {
    if (blueprint.attention_reuse.empty()) return;
    for (const auto& [key, values] :
         {std::pair{"heads", &choices_.heads}, std::pair{"window", &choices_.window}}) {
      if (values->size() > 1) {
        problem(key, "one value is expected: layers share attention maps (attention_reuse)");
      }
    }
  }

  void depth() {
    const int32_t total = choices_.storage_depth;
    if (total < 1 || total > kMaxLayers) {
      problem("depth.of", fmt::format("{} is out of range: expected 1 to {}", total, kMaxLayers));
      return;
    }
    if (choices_.depth.empty()) problem("depth.keep", "at least one value is needed");
    for (int32_t depth : choices_.depth) {
      try {
        kept_layers(choices_, depth);
      } catch (const InputError& error) {
        problem(choices_.policy == DepthPolicy::kExplicit ? "depth.sets" : "depth.keep",
                error.what());
      }
    }
  }

  template <class T>
  void default_value(const char* key, const T& value, bool set, const std::vector<T>& values) {
    if (set && std::ranges::find(values, value) == values.end()) {
      problem(key, "is not among the choices of the space");
    }
  }

 private:
  void ffn(double ratio, int32_t embed, bool no_heads) {
    if (!(ratio >= 0 && ratio <= kMaxRatio) || embed < 1 || embed > kMaxWidth) return;
    const double width = ratio * embed;
    if (width > kMaxWidth) {
      problem("ffn_ratio", fmt::format("{} makes an FFN of {} for an embedding of {}: at most {}",
                                       ratio, width, embed, kMaxWidth));
    } else if (ratio > 0 && width < 1) {
      problem("ffn_ratio", fmt::format("{} leaves no FFN for an embedding of {}", ratio, embed));
    } else if (ratio == 0 && no_heads) {
      problem("ffn_ratio", "both heads and ffn_ratio offer 0: drop such a layer by depth instead");
    }
  }

  const Choices& choices_;
  std::vector<SpaceProblem> problems_;
};

std::vector<int32_t> all_layers(int32_t count) {
  std::vector<int32_t> indices(static_cast<size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

std::vector<LayerShape> equal_layers(const std::vector<int32_t>& indices, int32_t heads,
                                     int32_t ffn_dim, int32_t window) {
  std::vector<LayerShape> layers;
  for (int32_t index : indices) layers.push_back({index, heads, ffn_dim, window});
  return layers;
}

int32_t widest_window(const Choices& choices) {
  const bool global = std::ranges::find(choices.window, 0) != choices.window.end();
  return global ? 0 : std::ranges::max(choices.window);
}

}  // namespace

std::vector<SpaceProblem> check_choices(const Blueprint& blueprint, const Choices& choices,
                                        const SearchSpace::Default& default_) {
  Checker checker(choices);
  checker.channels(blueprint);
  checker.list("embed_dim", choices.embed_dim, 1, kMaxWidth);
  checker.list("frame_period_ms", choices.frame_period_us, 1, kMaxPeriodUs);
  checker.layers();
  checker.reuse(blueprint);
  checker.depth();
  checker.default_value("default.conv_channels", default_.conv_channels,
                        !default_.conv_channels.empty(), choices.conv_channels);
  checker.default_value("default.embed_dim", default_.embed_dim, default_.embed_dim != 0,
                        choices.embed_dim);
  checker.default_value("default.depth", default_.depth, default_.depth != 0, choices.depth);
  checker.default_value("default.frame_period_ms", default_.frame_period_us,
                        default_.frame_period_us != 0, choices.frame_period_us);
  checker.default_value("default.heads", default_.heads, default_.heads != -1, choices.heads);
  checker.default_value("default.window", default_.window, default_.window != -1, choices.window);
  checker.default_value("default.ffn_ratio", default_.ffn_ratio, default_.ffn_ratio != -1,
                        choices.ffn_ratio);
  return std::move(checker).take();
}

std::vector<SpaceProblem> check_storage(const Blueprint& blueprint, const Choices& choices,
                                        const Storage& storage) {
  std::vector<SpaceProblem> problems;
  const auto try_member = [&](const std::vector<int32_t>& channels, int32_t embed, int32_t period,
                              const std::vector<int32_t>& kept) {
    const int32_t ffn = ffn_dim_of(std::ranges::max(choices.ffn_ratio), embed);
    const Architecture member(
        channels, embed, period,
        equal_layers(kept, std::ranges::max(choices.heads), ffn, widest_window(choices)));
    if (const auto found = misfit(blueprint, storage, member)) {
      problems.push_back({found->gene, fmt::format("{}: {}", found->value, found->why)});
    }
  };
  const Architecture own = storage_of(choices);
  const int32_t embed = choices.embed_dim.front();
  const int32_t period = choices.frame_period_us.front();
  const std::vector<int32_t> all = all_layers(choices.storage_depth);
  for (int32_t each : choices.embed_dim) try_member(own.conv_channels(), each, period, all);
  if (!problems.empty()) return problems;
  for (const auto& each : choices.conv_channels) try_member(each, embed, period, all);
  for (int32_t each : choices.frame_period_us) try_member(own.conv_channels(), embed, each, all);
  for (int32_t each : choices.depth) {
    try_member(own.conv_channels(), embed, period, kept_layers(choices, each));
  }
  return problems;
}

Architecture storage_of(const Choices& choices) {
  std::vector<int32_t> channels;
  for (const auto& widths : choices.conv_channels) {
    channels.resize(widths.size());
    std::ranges::transform(widths, channels, channels.begin(),
                           [](int32_t a, int32_t b) { return std::max(a, b); });
  }
  const int32_t embed = std::ranges::max(choices.embed_dim);
  return Architecture(
      channels, embed, std::ranges::max(choices.frame_period_us),
      equal_layers(all_layers(choices.storage_depth), std::ranges::max(choices.heads),
                   ffn_dim_of(std::ranges::max(choices.ffn_ratio), embed), widest_window(choices)));
}

std::vector<int32_t> kept_layers(const Choices& choices, int32_t depth) {
  if (choices.policy != DepthPolicy::kExplicit) {
    return kept_layers(choices.policy, choices.storage_depth, depth);
  }
  const auto found = std::ranges::find_if(
      choices.explicit_sets, [&](const auto& set) { return std::cmp_equal(set.size(), depth); });
  if (found == choices.explicit_sets.end()) {
    throw InputError(fmt::format("there is no set of {} kept layers", depth));
  }
  if (std::ranges::adjacent_find(*found, std::ranges::greater_equal()) != found->end() ||
      found->front() < 0 || found->back() >= choices.storage_depth) {
    throw InputError(fmt::format("the set of {} kept layers must be ascending and within 0 to {}",
                                 depth, choices.storage_depth - 1));
  }
  return *found;
}

}  // namespace concertina
