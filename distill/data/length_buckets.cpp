#include "distill/data/length_buckets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr double kMostRatio = 1.15;  // longest over shortest clip of a bucket

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
        length > kMostRatio * static_cast<double>(lengths[buckets.back().front()])) {
      buckets.emplace_back();
    }
    buckets.back().push_back(clip);
  }
  return buckets;
}

std::vector<std::vector<size_t>> buckets_of_clips(const BatchInputs& inputs, int64_t longest) {
  const Blueprint& blueprint = inputs.blueprint;
  const int64_t frame_samples = blueprint.base_frame_samples();
  const double rate = blueprint.sample_rate / static_cast<double>(frame_samples);
  int64_t shortest = std::max<int64_t>(1, std::llround(inputs.options.shortest * rate));
  while (blueprint.frames(shortest * frame_samples) < 1) ++shortest;
  std::vector<int64_t> lengths;
  for (const JoinedClips::ClipSpan& span : inputs.clips.clips()) {
    lengths.push_back(std::min(span.frames, longest));
  }
  auto buckets = length_buckets(lengths, std::min(shortest, longest));
  if (buckets.empty()) {
    throw InputError(fmt::format("{}: no clip has the {} seconds of batch.shortest",
                                 inputs.clips.manifest().folder.string(), inputs.options.shortest));
  }
  return buckets;
}

}  // namespace concertina
