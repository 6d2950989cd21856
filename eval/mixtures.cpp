#include "eval/mixtures.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace concertina {

std::vector<Mixture> draw_mixtures(std::span<const MixableClip> clips, int64_t count, Rng rng) {
  constexpr int64_t kTries = 20;  // for each, before pairs count as used up
  std::map<int64_t, std::vector<const MixableClip*>> by_number;
  for (const MixableClip& clip : clips) by_number[clip.speaker].push_back(&clip);
  std::vector<std::vector<const MixableClip*>> speakers;
  for (auto& [number, of_speaker] : by_number) speakers.push_back(std::move(of_speaker));
  std::vector<Mixture> mixtures;
  if (speakers.size() < 2) return mixtures;
  std::set<std::pair<int64_t, int64_t>> used;
  for (int64_t tries = 0; tries < kTries * count && std::ssize(mixtures) < count; ++tries) {
    const auto one = rng.below(std::ssize(speakers));
    const auto other = (one + 1 + rng.below(std::ssize(speakers) - 1)) % std::ssize(speakers);
    const MixableClip* first =
        rng.pick(std::span(std::as_const(speakers[static_cast<size_t>(one)])));
    const MixableClip* second =
        rng.pick(std::span(std::as_const(speakers[static_cast<size_t>(other)])));
    const int64_t offset = rng.below(first->samples);
    if (!used.emplace(std::minmax(first->clip, second->clip)).second) continue;
    mixtures.push_back({first->clip, second->clip, offset, 1});
  }
  return mixtures;
}

int64_t mixed_samples(const Mixture& mixture, int64_t of_first, int64_t of_second) {
  return std::max(of_first, mixture.offset + of_second);
}

std::vector<float> mixed(const Mixture& mixture, std::vector<float> first,
                         std::span<const float> second) {
  const auto offset = static_cast<size_t>(mixture.offset);
  first.resize(std::max(first.size(), offset + second.size()), 0);
  for (size_t i = 0; i < second.size(); ++i) first[offset + i] += mixture.gain * second[i];
  return first;
}

}  // namespace concertina
