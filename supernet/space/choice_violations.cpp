#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <ranges>

#include "core/errors.h"
#include "supernet/space/limits.h"
#include "supernet/space/violations.h"

namespace concertina {
namespace {

constexpr int32_t kMaxHeads = 1'024;
constexpr double kMaxRatio = 64;

class Checker {
 public:
  explicit Checker(const SpaceChoices& choices) : choices_(choices) {}
  std::vector<Violation> take() && { return std::move(violations_); }

  void add(std::string key, std::string reason) {
    violations_.push_back({std::move(key), "", std::move(reason)});
  }

  template <class T>
  void list(const char* key, const std::vector<T>& values, T low, T high) {
    if (values.empty()) add(key, "at least one value is needed");
    for (const T& value : values) {
      // Not (value < low || value > high): NaN is out of range too.
      if (!(value >= low && value <= high)) {
        add(key, fmt::format("{} is out of range: expected {} to {}", value, low, high));
      }
    }
  }

  void channels(const Blueprint& blueprint) {
    const bool wave = blueprint.front_end == FrontEndKind::kWave;
    if (wave == choices_.conv_channels.empty()) {
      add("conv_channels", wave ? "a waveform front end needs at least one width"
                           : blueprint.front_end == FrontEndKind::kWhisper
                               ? "a whisper front end's conv layers are as wide as the embedding"
                               : "a log-mel front end has no conv layers");
      return;
    }
    for (const auto& widths : choices_.conv_channels) {
      list("conv_channels", widths, 1, kMaxWidth);
      if (widths.size() != blueprint.wave.layers.size()) {
        add("conv_channels", fmt::format("{} widths for {} conv layers", widths.size(),
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
        add("window", fmt::format("{} is odd: half of it lies on each side", window));
      }
    }
    const bool no_heads = std::ranges::find(choices_.heads, 0) != choices_.heads.end();
    for (double ratio : choices_.ffn_ratio) {
      for (int32_t embed : choices_.embed_dim) ffn(ratio, embed, no_heads);
    }
  }

  // A layer that reuses an attention map has the heads and the window of the layer that computes
  // it.
  void reuse(const Blueprint& blueprint) {
    if (blueprint.attention_reuse.empty()) return;
    for (const auto& [key, values] :
         {std::pair{"heads", &choices_.heads}, std::pair{"window", &choices_.window}}) {
      if (values->size() > 1) {
        add(key, "one value is expected: layers share attention maps (attention_reuse)");
      }
    }
  }

  void attention(const Blueprint& blueprint) {
    if (choices_.attention.empty()) add("attention", "at least one value is needed");
    const std::string problem = no_linear_attention(blueprint);
    const auto& kinds = choices_.attention;
    if (!problem.empty() && std::ranges::find(kinds, AttentionKind::kLinear) != kinds.end())
      add("attention", problem);
  }

  void depth() {
    const int32_t total = choices_.storage_depth;
    if (total < 1 || total > kMaxLayers) {
      add("depth.of", fmt::format("{} is out of range: expected 1 to {}", total, kMaxLayers));
      return;
    }
    if (choices_.depth.empty()) add("depth.keep", "at least one value is needed");
    for (int32_t depth : choices_.depth) {
      try {
        kept_layers(choices_, depth);
      } catch (const InputError& error) {
        add(choices_.policy == DepthPolicy::kExplicit ? "depth.sets" : "depth.keep", error.what());
      }
    }
  }

  template <class T>
  void default_value(const char* key, const T& value, bool set, const std::vector<T>& values) {
    if (set && std::ranges::find(values, value) == values.end()) {
      add(key, "is not among the choices of the space");
    }
  }

 private:
  void ffn(double ratio, int32_t embed, bool no_heads) {
    if (!(ratio >= 0 && ratio <= kMaxRatio) || embed < 1 || embed > kMaxWidth) return;
    const double width = ratio * embed;
    if (width > kMaxWidth) {
      add("ffn_ratio", fmt::format("{} makes an FFN of {} for an embedding of {}: at most {}",
                                   ratio, width, embed, kMaxWidth));
    } else if (ratio > 0 && width < 1) {
      add("ffn_ratio", fmt::format("{} leaves no FFN for an embedding of {}", ratio, embed));
    } else if (ratio == 0 && no_heads) {
      add("ffn_ratio", "both heads and ffn_ratio offer 0: drop such a layer by depth instead");
    }
  }

  const SpaceChoices& choices_;
  std::vector<Violation> violations_;
};

}  // namespace

std::vector<Violation> find_violations(const Blueprint& blueprint, const SpaceChoices& choices,
                                       const SpaceDefault& default_) {
  Checker checker(choices);
  checker.channels(blueprint);
  checker.list("embed_dim", choices.embed_dim, 1, kMaxWidth);
  checker.list("frame_period_ms", choices.frame_period_us, 1, kMaxFramePeriodUs);
  checker.layers();
  checker.reuse(blueprint);
  checker.attention(blueprint);
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
  checker.default_value("default.attention", default_.attention.value_or(AttentionKind::kSoftmax),
                        default_.attention.has_value(), choices.attention);
  checker.default_value("default.ffn_ratio", default_.ffn_ratio, default_.ffn_ratio != -1,
                        choices.ffn_ratio);
  return std::move(checker).take();
}

std::vector<Violation> find_violations(const Blueprint& blueprint, const SpaceChoices& choices,
                                       const Storage& storage) {
  std::vector<Violation> violations;
  const Architecture widest = stored_shape(choices);
  const auto try_member = [&](const std::vector<int32_t>& channels, int32_t embed, int32_t period,
                              const std::vector<int32_t>& kept) {
    LayerShape shape = widest.layers().front();
    shape.ffn_dim = ffn_dim_of(std::ranges::max(choices.ffn_ratio), embed);
    std::vector<LayerShape> layers;
    for (const int32_t index : kept) {
      shape.index = index;
      layers.push_back(shape);
    }
    const Architecture member(channels, embed, period, layers);
    if (auto found = find_violation(blueprint, storage, member)) {
      violations.push_back(std::move(*found));
    }
  };
  const auto& channels = widest.conv_channels();
  const int32_t embed = choices.embed_dim.front();
  const int32_t period = choices.frame_period_us.front();
  std::vector<int32_t> all(static_cast<size_t>(choices.storage_depth));
  std::iota(all.begin(), all.end(), 0);
  for (int32_t each : choices.embed_dim) try_member(channels, each, period, all);
  if (!violations.empty()) return violations;
  for (const auto& each : choices.conv_channels) try_member(each, embed, period, all);
  for (int32_t each : choices.frame_period_us) try_member(channels, embed, each, all);
  for (int32_t each : choices.depth) {
    try_member(channels, embed, period, kept_layers(choices, each));
  }
  return violations;
}

}  // namespace concertina
