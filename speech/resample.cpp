#include "speech/resample.h"

#include <fmt/format.h>
#include <soxr.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/errors.h"
#include "speech/audio.h"

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

struct Resampler::State {
  std::string name;
  int32_t from = 0, to = 0;
  soxr_t soxr = nullptr;  // null: the rates are equal
  ~State() {
    if (soxr != nullptr) soxr_delete(soxr);
  }

  void check(soxr_error_t error) const {
    if (error != nullptr)
      throw InputError(fmt::format("{}: cannot be resampled from {} Hz: {}", name, from, error));
  }

  // No samples: the end.
  void process(std::span<const float> in, std::vector<float>& out) const {
    constexpr size_t kBlock = 1 << 14;
    const bool ending = in.empty();
    for (;;) {
      const size_t there = out.size();
      out.resize(there + kBlock);
      size_t taken = 0, made = 0;
      const soxr_error_t error = soxr_process(soxr, in.empty() ? nullptr : in.data(), in.size(),
                                              &taken, out.data() + there, kBlock, &made);
      out.resize(there + made);
      check(error);
      if (ending ? made < kBlock : taken == in.size()) return;
      in = in.subspan(taken);
    }
  }
};

Resampler::Resampler(int32_t from, int32_t to, std::string name)
    : state_(std::make_unique<State>(State{std::move(name), from, to, nullptr})) {
  if (from == to) return;
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  soxr_error_t error = nullptr;
  state_->soxr = soxr_create(from, to, 1, &error, nullptr, &quality, nullptr);
  state_->check(error);
}

Resampler::~Resampler() = default;
Resampler::Resampler(Resampler&&) noexcept = default;
Resampler& Resampler::operator=(Resampler&&) noexcept = default;

void Resampler::add(std::span<const float> in, std::vector<float>& out) {
  if (in.empty()) return;
  if (state_->soxr == nullptr) {
    out.insert(out.end(), in.begin(), in.end());
  } else {
    state_->process(in, out);
  }
}

void Resampler::finish(std::vector<float>& out) {
  if (state_->soxr != nullptr) state_->process({}, out);
}

void band_limit(std::span<float> samples, double cutoff) {
  constexpr int32_t kRate = kClipSampleRate;
  CONCERTINA_ASSERT(cutoff > 0 && cutoff < kRate / 2.0);
  const auto rate = std::max(1, static_cast<int32_t>(std::lround(2 * cutoff)));
  const std::vector<float> narrow = resample(samples, kRate, rate, "a narrower band");
  const std::vector<float> back = resample(narrow, rate, kRate, "a narrower band");
  const size_t count = std::min(back.size(), samples.size());
  std::copy_n(back.begin(), count, samples.begin());
  std::fill(samples.begin() + static_cast<std::ptrdiff_t>(count), samples.end(), 0.0F);
}

}  // namespace concertina
