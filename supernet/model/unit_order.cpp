#include "supernet/model/unit_order.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "supernet/model/unit_head.h"

namespace concertina {
namespace {

using Order = std::vector<int64_t>;

Order best_first(const std::vector<double>& scores) {
  Order order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::ranges::greater(),
                           [&](int64_t unit) { return scores[static_cast<size_t>(unit)]; });
  return order;
}

Order positions_by_score(const std::vector<int64_t>& positions, const std::vector<double>& scores) {
  const Order best = best_first(scores);
  Order order(best.size());
  for (size_t i = 0; i < best.size(); ++i) order[static_cast<size_t>(positions[i])] = best[i];
  return order;
}

Order embed_order(const PositionalConv& conv, const std::vector<double>& scores) {
  const auto embed = static_cast<int64_t>(scores.size());
  std::vector<double> sums(static_cast<size_t>(conv.groups), 0.0);
  std::vector<Order> members(sums.size());
  for (const int64_t channel : best_first(scores)) {
    const auto group = static_cast<size_t>(conv_position(conv, embed, channel).group);
    sums[group] += scores[static_cast<size_t>(channel)];
    members[group].push_back(channel);
  }
  Order groups = best_first(sums);
  if (conv.interleaved) std::ranges::sort(groups);  // slicing keeps a part of every group
  Order order(scores.size());
  for (int64_t g = 0; g < conv.groups; ++g) {
    const Order& channels = members[static_cast<size_t>(groups[static_cast<size_t>(g)])];
    for (size_t i = 0; i < channels.size(); ++i) {
      order[static_cast<size_t>(channel_at(conv, embed, {g, static_cast<int64_t>(i)}))] =
          channels[i];
    }
  }
  return order;
}

// Kernel [E, E / groups, taps] of a grouped conv, whose rows are permuted already: permutes the
// inputs of each row to their channels' new positions in the group.
at::Tensor reorder_grouped_inputs(const at::Tensor& kernel, const PositionalConv& conv,
                                  const Order& order) {
  const auto embed = static_cast<int64_t>(order.size());
  const int64_t width = embed / conv.groups;
  at::Tensor inputs = at::empty({embed, width}, at::kLong);
  auto* at = inputs.mutable_data_ptr<int64_t>();
  for (int64_t row = 0; row < embed; ++row) {
    const int64_t group = conv_position(conv, embed, row).group;
    for (int64_t i = 0; i < width; ++i) {
      const int64_t channel = order[static_cast<size_t>(channel_at(conv, embed, {group, i}))];
      *at++ = conv_position(conv, embed, channel).position;
    }
  }
  return kernel.gather(1, inputs.to(kernel.device()).unsqueeze(2).expand(kernel.sizes()));
}

bool is_trained(const std::string& name) {
  const std::optional<TensorId> id = tensor_named(name);
  return !id || id->is_trained();
}

at::Tensor in_order(const Blueprint& blueprint, const std::string& name, at::Tensor tensor,
                    const UnitOrders& orders) {
  for (const UnitAxis& axis : unit_axes(blueprint, name)) {
    const auto found = orders.find(axis.group);
    if (found == orders.end()) continue;
    if (axis.within_group) {
      tensor = reorder_grouped_inputs(tensor, blueprint.positional, found->second);
    } else {
      const bool heads = axis.group.kind == UnitKind::kHeads;
      tensor = reorder(tensor, axis.dim, found->second, heads ? blueprint.head_dim : 1);
    }
  }
  return tensor;
}

}  // namespace

UnitOrders order_by(const SearchSpace& space, const UnitScores& scores) {
  const Blueprint& blueprint = space.blueprint();
  UnitOrders orders;
  for (const UnitCount& group : unit_groups(blueprint, space.storage())) {
    const auto found = scores.find(group.group);
    if (found == scores.end()) continue;
    CONCERTINA_ASSERT(std::cmp_equal(found->second.size(), group.units));
    orders[group.group] = group.group.kind == UnitKind::kEmbed
                              ? embed_order(blueprint.positional, found->second)
                              : positions_by_score(positions_by_use(space, group), found->second);
  }
  return orders;
}

Supernet reorder(const Supernet& model, const UnitOrders& orders) {
  TensorMap weights;
  for (const auto& [name, tensor] : model.weights()) {
    if (is_of_unit_head(name)) continue;
    weights[name] = in_order(model.blueprint(), name, tensor, orders).contiguous();
  }
  return Supernet(model.space(), std::move(weights), model.provenance());
}

Supernet with_interleaving(const Supernet& model, bool interleaved) {
  if (is_tied(model.blueprint(), UnitKind::kEmbed)) {
    throw InputError(
        "the positional convolutions' groups are interleaved in one model only, and the embedding "
        "channels cannot be permuted: the gate of the position bias reads them by position");
  }
  Blueprint blueprint = model.blueprint();
  blueprint.positional.interleaved = interleaved;
  const int64_t embed = model.storage().shape.embed_dim();
  Order order;
  for (int64_t channel = 0; channel < embed; ++channel) {
    order.push_back(channel_at(model.blueprint().positional, embed,
                               conv_position(blueprint.positional, embed, channel)));
  }
  TensorMap weights = model.weights();
  std::erase_if(weights, [](const auto& item) { return is_of_unit_head(item.first); });
  for (auto& [name, tensor] : weights) {
    for (const UnitAxis& axis : unit_axes(model.blueprint(), name)) {
      // The inputs of a conv group keep their positions in it.
      if (axis.group.kind != UnitKind::kEmbed || axis.within_group) continue;
      tensor = reorder(tensor, axis.dim, order).contiguous();
    }
  }
  return Supernet(SearchSpace::single(blueprint, model.storage()), std::move(weights),
                  model.provenance());
}

at::Tensor reorder(const at::Tensor& tensor, int64_t dim, const Order& order, int64_t block) {
  const at::Tensor units = at::tensor(order, at::kLong).to(tensor.device());
  return tensor.unflatten(dim, {static_cast<int64_t>(order.size()), block})
      .index_select(dim, units)
      .flatten(dim, dim + 1);
}

UnitScores magnitude_scores(const Supernet& model) {
  const Blueprint& blueprint = model.blueprint();
  UnitScores scores;
  for (const auto& [group, units] : unit_groups(blueprint, model.storage())) {
    scores[group].assign(static_cast<size_t>(units), 0.0);
  }
  for (const auto& [name, tensor] : model.weights()) {
    if (tensor.dim() < 2 || !is_trained(name) || is_of_unit_head(name)) continue;
    const std::vector<UnitAxis> axes = unit_axes(blueprint, name);
    if (std::ranges::any_of(axes, &UnitAxis::within_group)) continue;  // the positional conv
    for (const UnitAxis& axis : axes) {
      std::vector<double>& sums = scores.at(axis.group);
      const at::Tensor squares = tensor.to(at::kDouble)
                                     .square()
                                     .transpose(0, axis.dim)
                                     .reshape({static_cast<int64_t>(sums.size()), -1})
                                     .sum(1);
      for (size_t i = 0; i < sums.size(); ++i)
        sums[i] += squares[static_cast<int64_t>(i)].item<double>();
    }
  }
  for (auto& [group, sums] : scores) {
    for (double& sum : sums) sum = std::sqrt(sum);
  }
  return scores;
}

}  // namespace concertina
