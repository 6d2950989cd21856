#include "eval/task_data.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/hash.h"
#include "eval/folds.h"

namespace concertina {
namespace {

const Clip& row_of(const Manifest& manifest, const ClipClass& clip) {
  return manifest.clips[static_cast<size_t>(clip.first)];
}

// Indices of clips of one class, the first to be taken first.
std::vector<int64_t> spread_order(const Manifest& manifest, const std::vector<ClipClass>& clips) {
  std::map<std::string, std::map<std::string, int64_t>> units;  // by name: clips by hash
  for (const ClipClass& clip : clips) {
    const Clip& row = row_of(manifest, clip);
    units[fold_unit(row)].emplace(sha256(row.id), clip.first);
  }
  struct Place {
    size_t rank;  // in its unit
    std::string hash;
    int64_t clip;
    auto operator<=>(const Place&) const = default;
  };
  std::vector<Place> places;
  for (const auto& [name, members] : units) {
    size_t rank = 0;
    for (const auto& [hash, clip] : members) places.push_back({rank++, hash, clip});
  }
  std::ranges::sort(places);
  std::vector<int64_t> order;
  for (const Place& place : places) order.push_back(place.clip);
  return order;
}

}  // namespace

Manifest task_manifest(const Manifest& corpus, const TaskOptions& options,
                       const std::string& task) {
  const auto own = options.data.find(task);
  return own == options.data.end() ? corpus : read_clips(own->second, corpus);
}

int64_t count_at_share(int64_t all, double share, int64_t least) {
  const auto of_share = static_cast<int64_t>(std::ceil(share * static_cast<double>(all) - 1e-9));
  return std::min(all, std::max(least, of_share));
}

std::vector<ClipClass> clips_at_fidelity(const Manifest& manifest, std::span<const ClipClass> clips,
                                         double fidelity, LeastClips least) {
  if (fidelity >= 1 || clips.empty()) return {clips.begin(), clips.end()};
  const double all = static_cast<double>(clips.size());
  const double share = std::min(1.0, std::max(fidelity, static_cast<double>(least.in_all) / all));
  std::map<int64_t, std::vector<ClipClass>> classes;
  for (const ClipClass& clip : clips) classes[clip.second].push_back(clip);
  std::set<int64_t> taken;
  for (const auto& [label, members] : classes) {
    const int64_t count = count_at_share(std::ssize(members), share, least.per_class);
    const std::vector<int64_t> order = spread_order(manifest, members);
    taken.insert(order.begin(), order.begin() + count);
  }
  std::vector<ClipClass> kept;
  std::ranges::copy_if(clips, std::back_inserter(kept),
                       [&](const ClipClass& clip) { return taken.contains(clip.first); });
  return kept;
}

}  // namespace concertina
