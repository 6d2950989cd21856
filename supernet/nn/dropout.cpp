#include "supernet/nn/dropout.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

namespace concertina {
namespace {

at::Generator generator_on(at::Device device, uint64_t seed) {
  if (device.is_cpu()) return at::make_generator<at::CPUGeneratorImpl>(seed);
  at::Generator generator = at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(seed);
  return generator;
}

constexpr uint64_t kLayers = 4096;  // more than any model has

}  // namespace

Dropout::Dropout(const DropoutRates& rates, const Rng& rng, int64_t first_row)
    : rates_(rates), rng_(rng), first_row_(first_row) {}

at::Tensor Dropout::apply(const at::Tensor& x, double rate, DropoutPlace place,
                          int32_t layer) const {
  if (rate == 0) return x;
  const Rng draws =
      rng_.fork("dropout", static_cast<uint64_t>(place) * kLayers + static_cast<uint64_t>(layer));
  const at::Tensor keep = at::empty(x.sizes(), x.options());
  for (int64_t row = 0; row < x.size(0); ++row) {
    Rng of_row = draws.fork("row", static_cast<uint64_t>(first_row_ + row));
    keep[row].bernoulli_(1 - rate, generator_on(x.device(), of_row.next_u64()));
  }
  return x * keep.mul_(1 / (1 - rate));
}

bool Dropout::skips(int32_t layer) const {
  if (rates_.layer == 0) return false;
  return rng_.fork("layer drop", static_cast<uint64_t>(layer)).chance(rates_.layer);
}

}  // namespace concertina
