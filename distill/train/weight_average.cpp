#include "distill/train/weight_average.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "distill/train/adamw.h"

namespace concertina {
namespace {

constexpr int64_t kBlock = 64;               // elements whose touched bits are read together
constexpr int64_t kChunk = 16384;            // elements of one parallel task
constexpr int64_t kPart = int64_t{1} << 24;  // elements of one operation: bounds temporaries

std::vector<float> rates_of(double decay) {
  std::vector<float> rates;
  for (int64_t n = 0; n < AdamW::kMaxUpdates; ++n) {
    const double ramp = static_cast<double>(1 + n) / static_cast<double>(10 + n);
    rates.push_back(static_cast<float>(1 - std::min(decay, ramp)));
  }
  rates.push_back(static_cast<float>(1 - decay));
  return rates;
}

struct Buffers {
  float* average;
  const float* weight;
  const int16_t* updates;
};

void average_range(const Buffers& b, const float* rates, const TouchedMask& touched, int64_t begin,
                   int64_t end) {
  const auto update = [&](int64_t i) {
    b.average[i] += rates[b.updates[i]] * (b.weight[i] - b.average[i]);
  };
  for (int64_t block = begin; block < end; block += kBlock) {
    const uint64_t bits = touched.block(block);
    if (bits == ~uint64_t{0}) {
      for (int64_t i = block; i < block + kBlock; ++i) update(i);
      continue;
    }
    for (uint64_t left = bits; left != 0; left &= left - 1) update(block + std::countr_zero(left));
  }
}

}  // namespace

WeightAverage::WeightAverage(const Parameters& parameters, double decay)
    : rates_(rates_of(decay)), flat_(parameters.flat().clone()) {
  if (flat_.is_cpu()) return;
  device_rates_ = at::tensor(at::ArrayRef<float>(rates_), at::kFloat).to(flat_.device());
}

void WeightAverage::step(const Parameters& parameters, const Gradients& gradients,
                         const at::Tensor& updates, const at::Tensor& scale) {
  at::NoGradGuard no_grad;
  if (!flat_.is_cpu()) return step_device(parameters, gradients, updates, scale);
  if (std::isfinite(scale.item<double>())) step_cpu(parameters, gradients, updates);
}

void WeightAverage::step_cpu(const Parameters& parameters, const Gradients& gradients,
                             const at::Tensor& updates) {
  const Buffers buffers{flat_.data_ptr<float>(), parameters.flat().const_data_ptr<float>(),
                        updates.const_data_ptr<int16_t>()};
  const int64_t numel = flat_.numel(), chunks = (numel + kChunk - 1) / kChunk;
  at::parallel_for(0, chunks, 1, [&](int64_t from, int64_t to) {
    for (int64_t chunk = from; chunk < to; ++chunk) {
      const int64_t begin = chunk * kChunk, count = std::min(kChunk, numel - begin);
      if (!gradients.touched.any(begin, count)) continue;
      average_range(buffers, rates_.data(), gradients.touched, begin, begin + count);
    }
  });
}

void WeightAverage::step_device(const Parameters& parameters, const Gradients& gradients,
                                const at::Tensor& updates, const at::Tensor& scale) {
  const at::Tensor finite = scale.isfinite();
  const int64_t numel = flat_.numel();
  for (int64_t begin = 0; begin < numel; begin += kPart) {
    const auto part = [&](const at::Tensor& t) {
      return t.narrow(0, begin, std::min(kPart, numel - begin));
    };
    at::Tensor average = part(flat_);
    const at::Tensor weight = part(parameters.flat());
    const at::Tensor reached = gradients.touched.of(part(gradients.flat)).to(at::kBool);
    const at::Tensor rate = device_rates_.index_select(0, part(updates).to(at::kLong));
    const at::Tensor next = average + rate * (weight - average);
    average.copy_(at::where(reached.logical_and(finite), next, average));
  }
}

void WeightAverage::exchange(const Parameters& parameters) {
  at::NoGradGuard no_grad;
  const int64_t numel = flat_.numel();
  for (int64_t begin = 0; begin < numel; begin += kPart) {
    const int64_t count = std::min(kPart, numel - begin);
    at::Tensor weight = parameters.flat().narrow(0, begin, count);
    at::Tensor average = flat_.narrow(0, begin, count);
    const at::Tensor kept = weight.clone();
    weight.copy_(average);
    average.copy_(kept);
  }
}

TensorMap WeightAverage::views(const Parameters& parameters) const {
  TensorMap views;
  for (const Parameter& p : parameters.list()) {
    const at::Tensor& shaped = parameters.views().at(p.name);
    views[p.name] = flat_.narrow(0, p.offset, shaped.numel()).view(p.sizes);
  }
  return views;
}

ExchangedWeights::ExchangedWeights(const Parameters& parameters, WeightAverage* average)
    : parameters_(parameters), average_(average) {
  if (average_ != nullptr) average_->exchange(parameters_);
}

ExchangedWeights::~ExchangedWeights() {
  if (average_ != nullptr) average_->exchange(parameters_);
}

}  // namespace concertina
