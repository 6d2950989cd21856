#include "supernet/space/depth_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/errors.h"

namespace concertina {
namespace {

std::vector<int32_t> range(int32_t first, int32_t last) {
  std::vector<int32_t> layers(static_cast<size_t>(std::max(0, last - first)));
  std::iota(layers.begin(), layers.end(), first);
  return layers;
}

std::vector<int32_t> without(int32_t total, std::vector<int32_t> dropped) {
  std::ranges::sort(dropped);
  std::vector<int32_t> kept;
  std::ranges::set_difference(range(0, total), dropped, std::back_inserter(kept));
  return kept;
}

// The last layer of each block of four is dropped first, upper blocks before lower ones.
std::vector<int32_t> lighthubert_layers(int32_t total, int32_t depth) {
  if (total != 12 || depth < 6) {
    throw InputError(
        fmt::format("depth policy lighthubert keeps 6 to 12 of 12 layers, not {} of "
                    "{}: choose top, bottom, alternate, symmetric or explicit",
                    depth, total));
  }
  static const std::vector<std::vector<int32_t>> kDropped = {
      {}, {11}, {7, 11}, {3, 7, 11}, {3, 7, 10, 11}, {3, 6, 7, 10, 11}, {2, 3, 6, 7, 10, 11}};
  return without(total, kDropped[static_cast<size_t>(total - depth)]);
}

// Every other layer from the top (the last, the third last, ...), then the others from the top.
std::vector<int32_t> alternate_layers(int32_t total, int32_t depth) {
  std::vector<int32_t> order;
  for (int32_t start : {total - 1, total - 2}) {
    for (int32_t layer = start; layer >= 0; layer -= 2) order.push_back(layer);
  }
  order.resize(static_cast<size_t>(total - depth));
  return without(total, order);
}

std::vector<int32_t> symmetric_layers(int32_t total, int32_t depth) {
  std::vector<int32_t> kept = range(0, (depth + 1) / 2);
  std::ranges::copy(range(total - depth / 2, total), std::back_inserter(kept));
  return kept;
}

}  // namespace

std::vector<int32_t> kept_layers(DepthPolicy policy, int32_t total, int32_t depth) {
  if (depth < 1 || depth > total) {
    throw InputError(fmt::format("depth {} is out of range: expected 1 to {}", depth, total));
  }
  switch (policy) {
    case DepthPolicy::kLightHubert:
      return lighthubert_layers(total, depth);
    case DepthPolicy::kTop:
      return range(0, depth);
    case DepthPolicy::kBottom:
      return range(total - depth, total);
    case DepthPolicy::kAlternate:
      return alternate_layers(total, depth);
    case DepthPolicy::kSymmetric:
      return symmetric_layers(total, depth);
    case DepthPolicy::kExplicit:
      break;
  }
  throw InputError("the sets of depth policy explicit are in the search space");
}

}  // namespace concertina
