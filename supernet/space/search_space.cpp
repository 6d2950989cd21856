#include "supernet/space/search_space.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "core/errors.h"
#include "supernet/space/big_count.h"
#include "supernet/space/space_checks.h"

namespace concertina {
namespace {

template <class T>
void sort_unique(std::vector<T>& values) {
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

void normalize(SearchSpace::Choices& choices) {
  sort_unique(choices.embed_dim);
  sort_unique(choices.frame_period_us);
  sort_unique(choices.heads);
  sort_unique(choices.ffn_ratio);
  sort_unique(choices.depth);
  sort_unique(choices.window);
  if (!choices.window.empty() && choices.window.front() == 0) {
    std::ranges::rotate(choices.window, choices.window.begin() + 1);  // global is the widest
  }
  sort_unique(choices.conv_channels);
  std::ranges::stable_sort(choices.conv_channels, {}, [](const auto& widths) {
    return std::accumulate(widths.begin(), widths.end(), int64_t{0});
  });
}

void throw_problems(const std::vector<SpaceProblem>& problems) {
  if (problems.empty()) return;
  std::string text = "search space:";
  for (const SpaceProblem& problem : problems) {
    text += fmt::format(" {}: {};", problem.key, problem.message);
  }
  text.pop_back();
  throw InputError(text);
}

std::vector<LayerShape> distinct_layers(const SearchSpace::Choices& choices, int32_t embed) {
  std::set<LayerShape> shapes;
  for (int32_t heads : choices.heads) {
    for (double ratio : choices.ffn_ratio) {
      for (int32_t window : choices.window) {
        shapes.insert({0, heads, ffn_dim_of(ratio, embed), heads == 0 ? 0 : window});
      }
    }
  }
  return {shapes.begin(), shapes.end()};
}

SearchSpace::Choices choices_of(const Architecture& only) {
  SearchSpace::Choices choices;
  if (!only.conv_channels().empty()) choices.conv_channels = {only.conv_channels()};
  choices.embed_dim = {only.embed_dim()};
  choices.frame_period_us = {only.frame_period_us()};
  choices.window.clear();
  choices.storage_depth = only.layers().back().index + 1;
  choices.depth = {only.depth()};
  choices.policy = DepthPolicy::kExplicit;
  choices.explicit_sets.resize(1);
  for (const LayerShape& layer : only.layers()) {
    choices.heads.push_back(layer.heads);
    choices.ffn_ratio.push_back(double(layer.ffn_dim) / only.embed_dim());
    choices.window.push_back(layer.window);
    choices.explicit_sets[0].push_back(layer.index);
  }
  normalize(choices);
  return choices;
}

}  // namespace

SearchSpace::SearchSpace(Blueprint blueprint, Choices choices, Default default_values,
                         SlicingRule rule, std::optional<Architecture> storage)
    : blueprint_(std::move(blueprint)),
      choices_(std::move(choices)),
      default_(std::move(default_values)),
      rule_(rule),
      storage_(std::move(storage)) {
  throw_problems(check_choices(blueprint_, choices_, default_));
  normalize(choices_);
  throw_problems(check_storage(blueprint_, choices_, this->storage()));
}

SearchSpace SearchSpace::single(const Blueprint& blueprint, const Storage& storage) {
  tensor_slices(blueprint, storage, storage.largest);  // throws when the two do not fit
  SearchSpace space;
  space.blueprint_ = blueprint;
  space.choices_ = choices_of(storage.largest);
  space.rule_ = storage.rule;
  space.storage_ = storage.largest;
  space.single_ = storage.largest;
  return space;
}

Storage SearchSpace::storage() const {
  if (single_) return {*single_, rule_};
  const Architecture own = storage_of(choices_);
  if (!storage_) return {own, rule_};
  // The rate unit belongs to the stored tensors as soon as any member needs it.
  const int32_t period = std::max(own.frame_period_us(), storage_->frame_period_us());
  return {
      Architecture(storage_->conv_channels(), storage_->embed_dim(), period, storage_->layers()),
      rule_};
}

std::string SearchSpace::size() const {
  if (single_) return "1";
  BigCount total;
  for (int32_t embed : choices_.embed_dim) {
    const auto shapes = static_cast<uint32_t>(distinct_layers(choices_, embed).size());
    for (int32_t depth : choices_.depth) {
      BigCount nets(1);
      for (int32_t i = 0; i < depth; ++i) nets *= shapes;
      total += nets;
    }
  }
  total *= static_cast<uint32_t>(choices_.frame_period_us.size());
  total *= static_cast<uint32_t>(std::max<size_t>(1, choices_.conv_channels.size()));
  return total.text();
}

Architecture SearchSpace::uniform(Default values) const {
  if (single_) return *single_;
  CONCERTINA_ASSERT(!choices_.embed_dim.empty());
  const Choices& all = choices_;
  if (values.conv_channels.empty() && !all.conv_channels.empty()) {
    values.conv_channels = all.conv_channels.back();
  }
  const int32_t embed = values.embed_dim > 0 ? values.embed_dim : all.embed_dim.back();
  const int32_t heads = values.heads >= 0 ? values.heads : all.heads.back();
  const double ratio = values.ffn_ratio >= 0 ? values.ffn_ratio : all.ffn_ratio.back();
  const int32_t window = values.window >= 0 ? values.window : all.window.back();
  std::vector<LayerShape> layers;
  for (int32_t index : kept_layers(values.depth > 0 ? values.depth : all.depth.back())) {
    layers.push_back({index, heads, ffn_dim_of(ratio, embed), window});
  }
  return Architecture(
      values.conv_channels, embed,
      values.frame_period_us > 0 ? values.frame_period_us : all.frame_period_us.front(), layers);
}

Architecture SearchSpace::smallest() const {
  if (single_) return *single_;
  Default values;
  if (!choices_.conv_channels.empty()) values.conv_channels = choices_.conv_channels.front();
  values.embed_dim = choices_.embed_dim.front();
  values.depth = choices_.depth.front();
  values.frame_period_us = choices_.frame_period_us.back();
  values.heads = choices_.heads.front();
  values.window = choices_.window.front();
  values.ffn_ratio = choices_.ffn_ratio.front();
  return uniform(values);
}

Architecture SearchSpace::largest() const { return uniform({}); }

Architecture SearchSpace::whole() const {
  const Architecture stored = storage().largest;
  return Architecture(stored.conv_channels(), stored.embed_dim(), largest().frame_period_us(),
                      stored.layers());
}

Architecture SearchSpace::default_architecture() const { return uniform(default_); }

std::vector<int32_t> SearchSpace::kept_layers(int32_t depth) const {
  return concertina::kept_layers(choices_, depth);
}

}  // namespace concertina
