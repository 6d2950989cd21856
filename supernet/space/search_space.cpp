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

std::optional<Misfit> SearchSpace::off_grid(const Architecture& architecture) const {
  const auto among = [](const auto& values, const auto& value) {
    return std::ranges::find(values, value) != values.end();
  };
  const auto miss = [this](std::string value, const std::string& gene) {
    return Misfit{std::move(value), gene, describe_choices(gene)};
  };
  const auto& channels = architecture.conv_channels();
  const int32_t embed = architecture.embed_dim();
  if (choices_.conv_channels.empty() ? !channels.empty()
                                     : !among(choices_.conv_channels, channels)) {
    return miss(fmt::format("c={}", fmt::join(channels, ",")), "conv_channels");
  }
  if (!among(choices_.embed_dim, embed)) return miss(fmt::format("e={}", embed), "embed_dim");
  if (!among(choices_.frame_period_us, architecture.frame_period_us())) {
    return miss(fmt::format("p={}", architecture.frame_period_us()), "frame_period_ms");
  }
  if (!among(choices_.depth, architecture.depth())) {
    return miss(fmt::format("a depth of {}", architecture.depth()), "depth");
  }
  const std::vector<int32_t> kept = kept_layers(architecture.depth());
  for (size_t i = 0; i < kept.size(); ++i) {
    const LayerShape& layer = architecture.layers()[i];
    const std::string at = fmt::format(" in layer {}", layer.index);
    if (layer.index != kept[i]) {
      return Misfit{
          fmt::format("layer {}", layer.index), "depth",
          fmt::format("at depth {} the layers are {}", kept.size(), fmt::join(kept, ","))};
    }
    if (!among(choices_.heads, layer.heads))
      return miss(fmt::format("{} heads", layer.heads) + at, "heads");
    if (std::ranges::none_of(choices_.ffn_ratio, [&](double ratio) {
          return ffn_dim_of(ratio, embed) == layer.ffn_dim;
        })) {
      return miss(fmt::format("FFN width {}", layer.ffn_dim) + at, "ffn_ratio");
    }
    if (layer.heads > 0 && !among(choices_.window, layer.window)) {
      return miss(fmt::format("window {}", layer.window) + at, "window");
    }
  }
  return std::nullopt;
}

bool SearchSpace::contains(const Architecture& architecture) const {
  return single_ ? architecture == *single_ : !off_grid(architecture);
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
