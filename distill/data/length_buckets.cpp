#include "distill/data/length_buckets.h"

#include <algorithm>

namespace concertina {
namespace {

constexpr double kLikeLength = 1.15;  // longest over shortest clip of a bucket

}  // namespace

std::vector<std::vector<size_t>> length_buckets(const std::vector<int64_t>& lengths,
                                                int64_t shortest) {
  std::vector<size_t> order;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] >= shortest) order.push_back(i);
  }
  std::ranges::stable_sort(order, {}, [&](size_t i) { return lengths[i]; });
  std::vector<std::vector<size_t>> buckets;
  for (const size_t clip : order) {
    const auto length = static_cast<double>(lengths[clip]);
    if (buckets.empty() ||
        length > kLikeLength * static_cast<double>(lengths[buckets.back().front()])) {
      buckets.emplace_back();
    }
    buckets.back().push_back(clip);
  }
  return buckets;
}

}  // namespace concertina
