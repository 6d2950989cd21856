#include "eval/diarization.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr uint8_t kBoth = 3;

Activity swapped(const Activity& activity) {
  constexpr std::array<uint8_t, 4> kSwapped = {0, 2, 1, 3};
  Activity result;
  for (const uint8_t each : activity) result.push_back(kSwapped.at(each));
  return result;
}

int count_of(unsigned speakers) { return std::popcount(speakers); }

// Whether each frame counts: none within the collar of a boundary.
std::vector<bool> scored_frames(const Activity& reference, int64_t collar) {
  const auto frames = std::ssize(reference);
  std::vector<bool> scored(reference.size(), true);
  for (int64_t t = 0; t <= frames; ++t) {  // the boundary before frame t
    const uint8_t before = t == 0 ? 0 : reference[static_cast<size_t>(t - 1)];
    const uint8_t after = t == frames ? 0 : reference[static_cast<size_t>(t)];
    if (before == after) continue;
    for (int64_t near = std::max<int64_t>(0, t - collar); near < std::min(frames, t + collar);
         ++near)
      scored[static_cast<size_t>(near)] = false;
  }
  return scored;
}

DiarizationErrors errors_as_assigned(const Activity& reference, const Activity& hypothesis,
                                     const std::vector<bool>& scored) {
  DiarizationErrors sum;
  for (size_t t = 0; t < reference.size(); ++t) {
    if (!scored[t]) continue;
    const int spoken = count_of(reference[t]), heard = count_of(hypothesis[t]);
    sum.speech += spoken;
    sum.missed += std::max(0, spoken - heard);
    sum.false_alarms += std::max(0, heard - spoken);
    sum.confused +=
        std::min(spoken, heard) - count_of(static_cast<unsigned>(reference[t] & hypothesis[t]));
  }
  return sum;
}

at::Tensor targets_of(const Activity& activity) {
  const at::Tensor targets = at::empty({std::ssize(activity), 2});
  float* out = targets.data_ptr<float>();
  for (const uint8_t each : activity) {
    *out++ = static_cast<float>(each & 1);
    *out++ = static_cast<float>(each >> 1);
  }
  return targets;
}

// The mean power of each step.
std::vector<double> step_powers(std::span<const float> samples) {
  constexpr auto kStep = static_cast<size_t>(kActivityStep);
  std::vector<double> powers;
  for (size_t first = 0; first < samples.size(); first += kStep) {
    const auto step = samples.subspan(first, std::min(kStep, samples.size() - first));
    double power = 0;
    for (const float each : step) power += static_cast<double>(each) * each;
    powers.push_back(power / static_cast<double>(step.size()));
  }
  return powers;
}

double cross_entropy(const at::Tensor& logits, const at::Tensor& targets) {
  return (at::softplus(logits) - logits * targets).mean().item<double>();
}

}  // namespace

DiarizationErrors diarization_errors(const Activity& reference, const Activity& hypothesis,
                                     int64_t collar) {
  CONCERTINA_ASSERT(reference.size() == hypothesis.size());
  const std::vector<bool> scored = scored_frames(reference, collar);
  const DiarizationErrors same = errors_as_assigned(reference, hypothesis, scored);
  const DiarizationErrors other = errors_as_assigned(reference, swapped(hypothesis), scored);
  return other.errors() < same.errors() ? other : same;
}

Activity median_filtered(const Activity& activity, int64_t width) {
  CONCERTINA_ASSERT(width % 2 == 1);
  const auto frames = std::ssize(activity);
  Activity filtered(activity.size(), 0);
  for (uint8_t speaker = 1; speaker <= kBoth; speaker <<= 1) {
    for (int64_t t = 0; t < frames; ++t) {
      int64_t active = 0;
      for (int64_t near = std::max<int64_t>(0, t - width / 2);
           near < std::min(frames, t + width / 2 + 1); ++near)
        active += (activity[static_cast<size_t>(near)] & speaker) != 0 ? 1 : 0;
      if (active > width / 2) filtered[static_cast<size_t>(t)] |= speaker;
    }
  }
  return filtered;
}

Activity activity_above(const at::Tensor& scores, double threshold) {
  const at::Tensor active =
      scores.gt(std::log(threshold / (1 - threshold))).to(at::kByte).contiguous();
  const uint8_t* in = active.const_data_ptr<uint8_t>();
  Activity activity;
  for (int64_t t = 0; t < active.size(0); ++t)
    activity.push_back(static_cast<uint8_t>(in[2 * t] | in[2 * t + 1] << 1));
  return activity;
}

ClipLoss permutation_invariant_loss(const Activity& activity, const at::Tensor& logits) {
  CONCERTINA_ASSERT(std::ssize(activity) == logits.size(0));
  const at::Tensor same = targets_of(activity), other = same.flip(1);
  const double of_same = cross_entropy(logits, same), of_other = cross_entropy(logits, other);
  const bool swap = of_other < of_same;
  return {swap ? of_other : of_same,
          (logits.sigmoid() - (swap ? other : same)).div_(static_cast<double>(logits.numel()))};
}

Activity speech_steps(std::span<const float> samples) {
  constexpr double kRange = 1e-3;  // 30 dB
  constexpr int64_t kSmoothing = 11;
  const std::vector<double> powers = step_powers(samples);
  const double loudest = powers.empty() ? 0 : std::ranges::max(powers);
  Activity steps;
  for (const double power : powers) steps.push_back(power > kRange * loudest ? 1 : 0);
  return median_filtered(steps, kSmoothing);
}

double speech_power(std::span<const float> samples, const Activity& steps) {
  const std::vector<double> powers = step_powers(samples);
  double sum = 0, count = 0;
  for (size_t i = 0; i < powers.size(); ++i) {
    if (steps[i] == 0) continue;
    sum += powers[i];
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

}  // namespace concertina
