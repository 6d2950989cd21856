#include "speech/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <ostream>
#include <set>
#include <string>

#include "core/errors.h"
#include "core/files.h"

namespace concertina {
namespace {

ClipOrder in_order(size_t clips) {
  ClipOrder order(clips);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

double squared_distance(const float* a, const float* b, size_t dims) {
  double sum = 0;
  for (size_t d = 0; d < dims; ++d) {
    const double difference = static_cast<double>(a[d]) - b[d];
    sum += difference * difference;
  }
  return sum;
}

}  // namespace

ClipOrder random_order(size_t clips, Rng rng) {
  ClipOrder order = in_order(clips);
  rng.shuffle(std::span(order));
  return order;
}

ClipOrder k_centre_order(std::span<const float> features, size_t dims, size_t most, Rng rng) {
  CONCERTINA_ASSERT(dims > 0 && features.size() % dims == 0);
  const size_t clips = features.size() / dims;
  std::vector<double> nearest(clips, std::numeric_limits<double>::infinity());
  ClipOrder order;
  if (clips == 0) return order;
  auto next = static_cast<size_t>(rng.below(static_cast<int64_t>(clips)));
  while (order.size() < std::min(most, clips)) {
    order.push_back(next);
    nearest[next] = -1;  // taken
    for (size_t i = 0; i < clips; ++i) {
      if (nearest[i] < 0) continue;
      nearest[i] =
          std::min(nearest[i], squared_distance(&features[i * dims], &features[next * dims], dims));
    }
    next = static_cast<size_t>(std::ranges::max_element(nearest) - nearest.begin());
  }
  return order;
}

ClipOrder highest_first(std::span<const double> scores) {
  ClipOrder order = in_order(scores.size());
  std::ranges::stable_sort(order, std::ranges::greater(), [&](size_t i) { return scores[i]; });
  return order;
}

ClipOrder within_budget(const ClipOrder& order, std::span<const double> clip_seconds,
                        double seconds) {
  ClipOrder taken;
  double total = 0;
  for (const size_t clip : order) {
    total += clip_seconds[clip];
    if (total > seconds) break;
    taken.push_back(clip);
  }
  return taken;
}

void write_clip_list(const Manifest& corpus, std::span<const size_t> clips,
                     const std::filesystem::path& path) {
  write_atomically(path, [&](std::ostream& out) {
    out << "id\tsplit\n";
    for (const size_t i : clips) {
      const Clip& clip = corpus.clips[i];
      out << tsv_field(clip.id) << '\t' << split_name(clip.split) << '\n';
    }
  });
}

Manifest with_training_clips(const Manifest& corpus, const std::filesystem::path& path) {
  std::set<std::string> named;
  for (const Clip& clip : read_clips(path, corpus).clips) named.insert(clip.id);
  Manifest kept{corpus.folder, {}, corpus.written};
  size_t training = 0;
  for (const Clip& clip : corpus.clips) {
    const bool trains = clip.split == Split::kTrain;
    if (trains && !named.contains(clip.id)) continue;
    training += trains ? 1 : 0;
    kept.clips.push_back(clip);
  }
  if (training == 0)
    throw InputError(fmt::format("{} names no training clip of the corpus", path.string()));
  return kept;
}

}  // namespace concertina
