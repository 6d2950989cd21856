#include "distill/objective/upsampling.h"

#include <fmt/format.h>

#include "supernet/nn/ops.h"

namespace concertina {
namespace {

constexpr int32_t kBasePeriod = 20000;  // us

std::string weight_name(const Upsampling& upsampling, int64_t phase) {
  return fmt::format("{}.{}.weight", upsampling.name, phase);
}
std::string bias_name(const Upsampling& upsampling) { return upsampling.name + ".bias"; }

// [B, T] int64: how many base frames of its compressed frame come before each.
at::Tensor phases_of(const at::Tensor& back_map) {
  const at::Tensor frame = back_map.detach().argmax(-1);
  const int64_t length = frame.size(1);
  const at::Tensor time = at::arange(length, frame.options()).expand_as(frame);
  const at::Tensor before = at::cat({frame.narrow(1, 0, 1), frame.narrow(1, 0, length - 1)}, 1);
  const at::Tensor first = at::where(frame != before, time, at::zeros_like(time));
  return time - std::get<0>(at::cummax(first, 1));
}

}  // namespace

std::vector<Parameters::Init> upsampling_parameters(const Upsampling& upsampling) {
  std::vector<Parameters::Init> values;
  for (int64_t j = 0; j < upsampling.phases; ++j)
    values.push_back({weight_name(upsampling, j), at::eye(upsampling.dim), true});
  values.push_back({bias_name(upsampling), at::zeros({upsampling.dim}), false});
  return values;
}

std::vector<TensorSlice> upsampling_slices(const Upsampling& upsampling,
                                           const Architecture& student) {
  const int64_t dim = student.embed_dim();
  const int64_t phases = student.frame_period_us() > kBasePeriod ? upsampling.phases : 1;
  std::vector<TensorSlice> slices;
  for (int64_t j = 0; j < phases; ++j) {
    TensorSlice weight{.name = weight_name(upsampling, j), .dims = {{dim, {}}, {dim, {}}}};
    weight.decay = weight.low_precision = true;
    slices.push_back(std::move(weight));
  }
  slices.push_back({.name = bias_name(upsampling), .dims = {{dim, {}}}});
  return slices;
}

at::Tensor upsample(const TensorMap& heads, const Upsampling& upsampling, const Frames& frames,
                    const at::Tensor& x) {
  const auto part = [&](int64_t phase) {
    return to_base_frames(frames, linear(x, {heads.at(weight_name(upsampling, phase)), {}}));
  };
  const at::Tensor bias = heads.at(bias_name(upsampling)).to(x.scalar_type());
  if (!frames.back_map.defined()) return part(0) + bias;
  const at::Tensor phase = phases_of(frames.back_map).clamp_max(upsampling.phases - 1);
  at::Tensor sum;
  for (int64_t j = 0; j < upsampling.phases; ++j) {
    const at::Tensor own = at::where(phase.eq(j).unsqueeze(2), part(j), 0.0);
    sum = sum.defined() ? sum + own : own;
  }
  return sum + bias;
}

}  // namespace concertina
