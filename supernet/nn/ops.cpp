#include "supernet/nn/ops.h"

#include <array>

namespace concertina {

at::Tensor layer_norm(const at::Tensor& x, const Affine& norm) {
  if (x.is_cpu() || x.scalar_type() == norm.weight.scalar_type()) {
    return at::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias, kNormEps);
  }
  return at::layer_norm(x, {x.size(-1)}, norm.weight.to(x.scalar_type()),
                        norm.bias.to(x.scalar_type()), kNormEps);
}

at::Tensor conv_time(const at::Tensor& x, const Affine& conv, int64_t stride, int64_t padding,
                     int64_t groups) {
  const auto dtype = conv.weight.scalar_type();
  at::Tensor image = x.to(dtype).transpose(1, 2).unsqueeze(2);  // [B, C, 1, T]
  at::Tensor kernel = conv.weight.unsqueeze(2).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor bias = conv.bias.defined() ? conv.bias.to(dtype) : at::Tensor();
  const std::array<int64_t, 2> strides = {1, stride}, paddings = {0, padding}, dilations = {1, 1};
  at::Tensor y = at::conv2d(image, kernel, bias, at::IntArrayRef(strides),
                            at::IntArrayRef(paddings), at::IntArrayRef(dilations), groups);
  return y.squeeze(2).transpose(1, 2);
}

at::Tensor valid_mask(const at::Tensor& lengths, int64_t frames, at::Device device) {
  if (lengths.min().item<int64_t>() >= frames) return {};
  return at::arange(frames, at::TensorOptions(device).dtype(at::kLong)).unsqueeze(0) <
         lengths.to(device).unsqueeze(1);
}

}  // namespace concertina
