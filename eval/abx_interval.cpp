#include "eval/abx_interval.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

namespace concertina {

Interval bootstrap_abx(std::span<const AbxToken> tokens, std::span<const AbxTriple> triples,
                       std::span<const double> errors, Rng rng, int32_t resamples) {
  std::map<int64_t, size_t> numbers;            // of clips
  std::vector<std::array<size_t, 3>> clips_of;  // of triples
  for (const AbxTriple& triple : triples) {
    std::array<size_t, 3>& clips = clips_of.emplace_back();
    std::ranges::transform(std::array{triple.a, triple.b, triple.x}, clips.begin(),
                           [&](int64_t token) {
                             const int64_t clip = tokens[static_cast<size_t>(token)].clip;
                             return numbers.emplace(clip, numbers.size()).first->second;
                           });
  }
  std::vector<double> values, weights(triples.size());
  for (int32_t r = 0; r < resamples; ++r) {
    const std::vector<int32_t> times = draw_with_replacement(std::ssize(numbers), rng);
    std::ranges::transform(clips_of, weights.begin(), [&](const std::array<size_t, 3>& clips) {
      const auto [a, b, x] = clips;
      double weight = times[a];
      if (b != a) weight *= times[b];
      if (x != a && x != b) weight *= times[x];
      return weight;
    });
    values.push_back(weighted_abx_error(triples, errors, weights));
  }
  return percentile_interval(std::move(values));
}

}  // namespace concertina
