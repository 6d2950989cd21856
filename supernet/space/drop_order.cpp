#include "supernet/space/drop_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/errors.h"

namespace concertina {

std::vector<int32_t> drop_order(std::span<const double> cosines) {
  std::vector<int32_t> order(cosines.size());
  std::iota(order.rbegin(), order.rend(), 0);
  std::ranges::stable_sort(order, std::ranges::greater(),
                           [&](int32_t layer) { return cosines[static_cast<size_t>(layer)]; });
  return order;
}

std::string no_depth_sets(const SearchSpace& space, size_t layers) {
  if (space.only_member()) {
    return "the model has one architecture (a teacher or an extracted subnet), so there is no "
           "depth "
           "to choose";
  }
  const int32_t all = space.choices().storage_depth;
  if (std::cmp_equal(layers, all)) return "";
  return fmt::format(
      "the architecture has {} layers and the space {}: choose one with all, such as whole", layers,
      all);
}

SearchSpace with_drop_order(const SearchSpace& space, std::span<const int32_t> order) {
  if (const std::string problem = no_depth_sets(space, order.size()); !problem.empty())
    throw InputError(problem);
  SpaceChoices choices = space.choices();
  choices.policy = DepthPolicy::kExplicit;
  choices.explicit_sets.clear();
  for (const int32_t depth : choices.depth) {
    const auto kept = order.last(static_cast<size_t>(depth));
    choices.explicit_sets.emplace_back(kept.begin(), kept.end());
    std::ranges::sort(choices.explicit_sets.back());
  }
  return SearchSpace(space.blueprint(), choices, space.default_values(), space.rule(),
                     space.stored());
}

}  // namespace concertina
