#include "speech/trim.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/errors.h"
#include "speech/mixing.h"

namespace concertina {
namespace {

constexpr size_t kFrame = 400, kHop = 160;
constexpr int64_t kKept = 1600;

std::vector<double> frame_powers(std::span<const float> samples) {
  std::vector<double> powers;
  for (size_t at = 0; at < samples.size(); at += kHop)
    powers.push_back(mean_power(samples.subspan(at, std::min(kFrame, samples.size() - at))));
  return powers;
}

}  // namespace

SampleRange sounding_part(std::span<const float> samples, double top_db) {
  CONCERTINA_ASSERT(top_db > 0);
  const std::vector<double> powers = frame_powers(samples);
  const double loudest = powers.empty() ? 0 : *std::max_element(powers.begin(), powers.end());
  if (loudest == 0) return {};
  const double threshold = loudest * std::pow(10.0, -top_db / 10);
  const auto sounds = [&](double power) { return power >= threshold; };
  const auto first = std::find_if(powers.begin(), powers.end(), sounds) - powers.begin();
  const auto after = powers.rend() - std::find_if(powers.rbegin(), powers.rend(), sounds);
  const auto hop = static_cast<int64_t>(kHop), frame = static_cast<int64_t>(kFrame);
  return {std::max<int64_t>(0, first * hop - kKept),
          std::min(static_cast<int64_t>(samples.size()), (after - 1) * hop + frame + kKept)};
}

}  // namespace concertina
