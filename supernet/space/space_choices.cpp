#include "supernet/space/space_choices.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/errors.h"

namespace concertina {
namespace {

template <class T>
void sort_unique(std::vector<T>& values) {
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

SpaceChoices sorted_choices(SpaceChoices choices) {
  sort_unique(choices.embed_dim);
  sort_unique(choices.frame_period_us);
  sort_unique(choices.heads);
  sort_unique(choices.ffn_ratio);
  sort_unique(choices.depth);
  sort_unique(choices.window);
  sort_unique(choices.attention);
  if (!choices.window.empty() && choices.window.front() == 0) {
    std::ranges::rotate(choices.window, choices.window.begin() + 1);
  }
  sort_unique(choices.conv_channels);
  std::ranges::stable_sort(choices.conv_channels, {}, [](const auto& widths) {
    return std::accumulate(widths.begin(), widths.end(), int64_t{0});
  });
  return choices;
}

std::vector<int32_t> kept_layers(const SpaceChoices& choices, int32_t depth) {
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

Architecture stored_shape(const SpaceChoices& choices) {
  std::vector<int32_t> channels;
  for (const auto& widths : choices.conv_channels) {
    channels.resize(widths.size());
    std::ranges::transform(widths, channels, channels.begin(),
                           [](int32_t a, int32_t b) { return std::max(a, b); });
  }
  const int32_t embed = std::ranges::max(choices.embed_dim);
  const bool global = std::ranges::find(choices.window, 0) != choices.window.end();
  LayerShape widest = {
      0, std::ranges::max(choices.heads), ffn_dim_of(std::ranges::max(choices.ffn_ratio), embed),
      global ? 0 : std::ranges::max(choices.window), std::ranges::max(choices.attention)};
  std::vector<LayerShape> layers;
  for (; widest.index < choices.storage_depth; ++widest.index) layers.push_back(widest);
  return Architecture(channels, embed, std::ranges::max(choices.frame_period_us), layers);
}

SpaceChoices choices_of(const Architecture& only) {
  SpaceChoices choices;
  if (!only.conv_channels().empty()) choices.conv_channels = {only.conv_channels()};
  choices.embed_dim = {only.embed_dim()};
  choices.frame_period_us = {only.frame_period_us()};
  choices.window.clear();
  choices.attention.clear();
  choices.storage_depth = only.layers().back().index + 1;
  choices.depth = {only.depth()};
  choices.policy = DepthPolicy::kExplicit;
  choices.explicit_sets.resize(1);
  for (const LayerShape& layer : only.layers()) {
    choices.heads.push_back(layer.heads);
    choices.ffn_ratio.push_back(double(layer.ffn_dim) / only.embed_dim());
    choices.window.push_back(layer.window);
    choices.attention.push_back(layer.attention);
    choices.explicit_sets[0].push_back(layer.index);
  }
  return sorted_choices(std::move(choices));
}

}  // namespace concertina
