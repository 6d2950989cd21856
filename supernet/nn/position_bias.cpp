#include "supernet/nn/position_bias.h"

#include <cmath>

namespace concertina {

at::Tensor position_buckets(const RelativePosition& bias, int64_t frames, at::Device device) {
  const int64_t half = bias.buckets / 2, exact = half / 2;
  const at::Tensor position = at::arange(frames, at::TensorOptions(device).dtype(at::kLong));
  const at::Tensor offset = position.unsqueeze(0) - position.unsqueeze(1);
  const at::Tensor distance = offset.abs();
  const double range =
      std::log(static_cast<double>(bias.max_distance) / static_cast<double>(exact));
  at::Tensor far = (distance.to(at::kFloat) / exact).log() / range * (half - exact);
  // log(0) where it is not used.
  far = (far.clamp_min(0) + exact).to(at::kLong).clamp_max(half - 1);
  return (offset > 0).to(at::kLong) * half + at::where(distance < exact, distance, far);
}

at::Tensor position_bias(const RelativePosition& bias, const at::Tensor& table, int64_t frames) {
  return table.index_select(0, position_buckets(bias, frames, table.device()).flatten())
      .view({frames, frames, -1})
      .permute({2, 0, 1})
      .unsqueeze(0);
}

}  // namespace concertina
