#include "speech/resample.h"

#include <fmt/format.h>
#include <soxr.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"

namespace concertina {

std::vector<float> resample(std::span<const float> in, int32_t from, int32_t to,
                            const std::string& name) {
  if (from == to) return {in.begin(), in.end()};
  const double ratio = static_cast<double>(to) / from;
  std::vector<float> out(static_cast<size_t>(std::ceil(static_cast<double>(in.size()) * ratio)));
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  size_t made = 0;
  const soxr_error_t error = soxr_oneshot(from, to, 1, in.data(), in.size(), nullptr, out.data(),
                                          out.size(), &made, nullptr, &quality, nullptr);
  if (error != nullptr)
    throw InputError(fmt::format("{}: cannot be resampled from {} Hz: {}", name, from, error));
  out.resize(made);
  return out;
}

void band_limit(std::span<float> samples, double cutoff) {
  constexpr int32_t kRate = 16000;
  CONCERTINA_ASSERT(cutoff > 0 && cutoff < kRate / 2.0);
  const auto rate = std::max(1, static_cast<int32_t>(std::lround(2 * cutoff)));
  const std::vector<float> narrow = resample(samples, kRate, rate, "a narrower band");
  const std::vector<float> back = resample(narrow, rate, kRate, "a narrower band");
  const size_t count = std::min(back.size(), samples.size());
  std::copy_n(back.begin(), count, samples.begin());
  std::fill(samples.begin() + static_cast<std::ptrdiff_t>(count), samples.end(), 0.0F);
}

}  // namespace concertina
