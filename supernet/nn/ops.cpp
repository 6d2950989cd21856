#include "supernet/nn/ops.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <vector>

#include "supernet/nn/kernel_check.h"

namespace concertina {
namespace {

std::vector<int64_t> sizes_or_none(const at::Tensor& x) {
  return x.defined() ? x.sizes().vec() : std::vector<int64_t>();
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const Affine& affine) {
  const at::Tensor& weight = affine.weight;
  const auto dtype = weight.scalar_type();
  const at::Tensor bias = affine.bias.defined() ? affine.bias.to(dtype) : at::Tensor();
  return kernel_checks().run(
      {Product::kLinear, weight.sizes().vec()}, {x.to(dtype), weight, bias},
      [&] {
        return SampleSizes{
            {kCheckedFrames, weight.size(1)}, weight.sizes().vec(), sizes_or_none(bias)};
      },
      [](const Tensors& in) { return at::linear(in[0], in[1], in[2]); });
}

at::Tensor checked_matmul(const at::Tensor& a, const at::Tensor& b, int64_t rows, int64_t columns) {
  const auto or_frames = [](int64_t size) { return size > 0 ? size : kCheckedFrames; };
  const int64_t m = or_frames(rows), n = or_frames(columns);
  return kernel_checks().run(
      {Product::kMatmul, {m, n}}, {a, b},
      [&] { return SampleSizes{{2, kCheckedFrames, m}, {2, m, n}}; },
      [](const Tensors& in) { return in[0].matmul(in[1]); });
}

at::Tensor layer_norm(const at::Tensor& x, const Affine& norm) {
  if (x.is_cpu() || x.scalar_type() == norm.weight.scalar_type()) {
    return at::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias, kNormEps);
  }
  return at::layer_norm(x, {x.size(-1)}, norm.weight.to(x.scalar_type()),
                        norm.bias.to(x.scalar_type()), kNormEps);
}

namespace {

// oneDNN's fp32 convolution exceeds the cache where inputs and outputs have many channels: parts of
// 128 output channels are 1.2 to 1.3 times as fast, with their concatenation.
constexpr int64_t kWideConv = 512, kConvPart = 128;

bool is_wide(const at::Tensor& image, const at::Tensor& kernel, int64_t groups) {
  return image.is_cpu() && image.scalar_type() == at::kFloat && groups == 1 &&
         !at::GradMode::is_enabled() && kernel.size(0) >= kWideConv &&
         kernel.size(1) >= kWideConv && image.size(3) > kernel.size(0);
}

// weight [out, in / groups, k] in conv_time's order of memory; all of one dtype.
at::Tensor conv_of(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                   int64_t stride, int64_t padding, int64_t groups) {
  const at::Tensor image = x.transpose(1, 2).unsqueeze(2);  // [B, C, 1, T]
  const at::Tensor kernel = weight.unsqueeze(2).contiguous(at::MemoryFormat::ChannelsLast);
  const std::array<int64_t, 2> strides = {1, stride}, paddings = {0, padding}, dilations = {1, 1};
  const auto convolve = [&](const at::Tensor& part, const at::Tensor& offset) {
    return at::conv2d(image, part, offset, at::IntArrayRef(strides), at::IntArrayRef(paddings),
                      at::IntArrayRef(dilations), groups)
        .squeeze(2)
        .transpose(1, 2);
  };
  if (!is_wide(image, kernel, groups)) return convolve(kernel, bias);
  std::vector<at::Tensor> parts;
  for (int64_t begin = 0; begin < kernel.size(0); begin += kConvPart) {
    const int64_t count = std::min(kConvPart, kernel.size(0) - begin);
    parts.push_back(convolve(kernel.narrow(0, begin, count),
                             bias.defined() ? bias.narrow(0, begin, count) : bias));
  }
  return at::cat(parts, 2);
}

}  // namespace

at::Tensor conv_time(const at::Tensor& x, const Affine& conv, int64_t stride, int64_t padding,
                     int64_t groups) {
  const at::Tensor& weight = conv.weight;
  const auto dtype = weight.scalar_type();
  const at::Tensor bias = conv.bias.defined() ? conv.bias.to(dtype) : at::Tensor();
  const int64_t kernel = weight.size(2);
  return kernel_checks().run(
      {Product::kConv, {weight.size(0), x.size(2), kernel, stride, groups}},
      {x.to(dtype), weight, bias},
      [&] {
        const int64_t frames = (kCheckedFrames - 1) * stride + kernel;
        return SampleSizes{{1, frames, x.size(2)}, weight.sizes().vec(), sizes_or_none(bias)};
      },
      [&](const Tensors& in) { return conv_of(in[0], in[1], in[2], stride, padding, groups); });
}

at::Tensor to_contiguous_groups(const at::Tensor& t, int64_t dim, int64_t groups) {
  return t.unflatten(dim, {t.size(dim) / groups, groups})
      .transpose(dim, dim + 1)
      .flatten(dim, dim + 1);
}

at::Tensor valid_mask(const at::Tensor& lengths, int64_t frames, at::Device device) {
  if (lengths.min().item<int64_t>() >= frames) return {};
  return at::arange(frames, at::TensorOptions(device).dtype(at::kLong)).unsqueeze(0) <
         to_device(lengths, device).unsqueeze(1);
}

}  // namespace concertina
