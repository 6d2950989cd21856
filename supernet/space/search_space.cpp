#include "supernet/space/search_space.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/errors.h"
#include "supernet/space/big_count.h"
#include "supernet/space/violations.h"

namespace concertina {
namespace {

void throw_violations(const std::vector<Violation>& violations) {
  if (violations.empty()) return;
  std::string text = "search space:";
  for (const Violation& each : violations) {
    text += fmt::format(" {}: {};", each.key, each.text());
  }
  text.pop_back();
  throw InputError(text);
}

uint32_t distinct_layers(const SpaceChoices& choices, int32_t embed) {
  std::set<LayerShape> shapes;
  for (int32_t heads : choices.heads) {
    for (double ratio : choices.ffn_ratio) {
      for (int32_t window : choices.window) {
        for (AttentionKind attention : choices.attention) {
          shapes.insert(canonical({0, heads, ffn_dim_of(ratio, embed), window, attention}));
        }
      }
    }
  }
  return static_cast<uint32_t>(shapes.size());
}

template <class Values>
const auto& draw(const Values& values, Rng& rng) {
  return values[static_cast<size_t>(rng.below(std::ssize(values)))];
}

}  // namespace

SearchSpace::SearchSpace(Blueprint blueprint, SpaceChoices choices, SpaceDefault default_values,
                         SlicingRule rule, std::optional<Architecture> stored)
    : blueprint_(std::move(blueprint)),
      choices_(std::move(choices)),
      default_(std::move(default_values)),
      rule_(rule),
      stored_(std::move(stored)) {
  throw_violations(find_violations(blueprint_, choices_, default_));
  choices_ = sorted_choices(std::move(choices_));
  throw_violations(find_violations(blueprint_, choices_, storage()));
}

SearchSpace SearchSpace::single(const Blueprint& blueprint, const Storage& storage) {
  check_fit(blueprint, storage, storage.shape);
  SearchSpace space;
  space.blueprint_ = blueprint;
  space.choices_ = choices_of(storage.shape);
  space.rule_ = storage.rule;
  space.stored_ = storage.shape;
  space.only_ = storage.shape;
  return space;
}

Storage SearchSpace::storage() const {
  if (only_) return {*only_, rule_};
  const Architecture own = stored_shape(choices_);
  if (!stored_) return {own, rule_};
  const int32_t period = std::max(own.frame_period_us(), stored_->frame_period_us());
  return {Architecture(stored_->conv_channels(), stored_->embed_dim(), period, stored_->layers()),
          rule_};
}

std::string SearchSpace::size() const {
  if (only_) return "1";
  BigCount total;
  for (int32_t embed : choices_.embed_dim) {
    const uint32_t shapes = distinct_layers(choices_, embed);
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

Architecture SearchSpace::uniform(SpaceDefault values) const {
  if (only_) return *only_;
  CONCERTINA_ASSERT(!choices_.embed_dim.empty());
  const SpaceChoices& all = choices_;
  if (values.conv_channels.empty() && !all.conv_channels.empty()) {
    values.conv_channels = all.conv_channels.back();
  }
  const int32_t embed = values.embed_dim > 0 ? values.embed_dim : all.embed_dim.back();
  const int32_t heads = values.heads >= 0 ? values.heads : all.heads.back();
  const double ratio = values.ffn_ratio >= 0 ? values.ffn_ratio : all.ffn_ratio.back();
  const int32_t window = values.window >= 0 ? values.window : all.window.back();
  const AttentionKind attention = values.attention.value_or(all.attention.back());
  const int32_t depth = values.depth > 0 ? values.depth : all.depth.back();
  std::vector<LayerShape> layers;
  for (int32_t index : kept_layers(choices_, depth)) {
    layers.push_back({index, heads, ffn_dim_of(ratio, embed), window, attention});
  }
  return Architecture(
      values.conv_channels, embed,
      values.frame_period_us > 0 ? values.frame_period_us : all.frame_period_us.front(), layers);
}

Architecture SearchSpace::smallest() const {
  if (only_) return *only_;
  SpaceDefault values;
  if (!choices_.conv_channels.empty()) values.conv_channels = choices_.conv_channels.front();
  values.embed_dim = choices_.embed_dim.front();
  values.depth = choices_.depth.front();
  values.frame_period_us = choices_.frame_period_us.back();
  values.heads = choices_.heads.front();
  values.window = choices_.window.front();
  values.attention = choices_.attention.front();
  values.ffn_ratio = choices_.ffn_ratio.front();
  return uniform(values);
}

Architecture SearchSpace::largest() const { return uniform({}); }

Architecture SearchSpace::whole() const {
  const Architecture shape = storage().shape;
  return Architecture(shape.conv_channels(), shape.embed_dim(), largest().frame_period_us(),
                      shape.layers());
}

Architecture SearchSpace::default_architecture() const { return uniform(default_); }

Architecture SearchSpace::sample(Rng& rng) const {
  if (only_) return *only_;
  const int32_t depth = draw(choices_.depth, rng);
  // A log-mel front end draws one of nothing, so that all spaces draw alike.
  const auto channels =
      static_cast<size_t>(rng.below(std::max<int64_t>(1, std::ssize(choices_.conv_channels))));
  const int32_t embed = draw(choices_.embed_dim, rng);
  const int32_t period = draw(choices_.frame_period_us, rng);
  std::vector<LayerShape> layers;
  for (int32_t index : kept_layers(choices_, depth)) {
    const int32_t heads = draw(choices_.heads, rng);
    const int32_t ffn_dim = ffn_dim_of(draw(choices_.ffn_ratio, rng), embed);
    const int32_t window = draw(choices_.window, rng);
    // One kind of attention is not drawn, so that such spaces draw as they always did.
    layers.push_back({index, heads, ffn_dim, window,
                      choices_.attention.size() > 1 ? draw(choices_.attention, rng)
                                                    : choices_.attention.front()});
  }
  return Architecture(
      choices_.conv_channels.empty() ? std::vector<int32_t>{} : choices_.conv_channels[channels],
      embed, period, layers);
}

bool SearchSpace::contains(const Architecture& architecture) const {
  return !find_violation(*this, architecture);
}

}  // namespace concertina
