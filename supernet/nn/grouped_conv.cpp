#include "supernet/nn/grouped_conv.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

#include "supernet/nn/attention_kernels.h"
#include "supernet/nn/brgemm.h"
#include "supernet/nn/kernel_calls.h"
#include "supernet/nn/kernel_check.h"
#include "supernet/nn/ops.h"

namespace concertina {
namespace {

using kernels::bf16_bits;
using kernels::bf16_pair;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr int64_t kTaps = 16;         // of one product
constexpr int64_t kMaxRows = 64;      // of one product, so that few kernels are compiled
constexpr int64_t kBlockKernels = 3;  // frames of a block that is transformed, in kernel lengths
constexpr int64_t kFrameBlock = 32;   // frames of a weight gradient's product come in whole blocks

int64_t up_to(int64_t n, int64_t block) { return (n + block - 1) / block * block; }

// The sizes of one call; `in` and `out` are the channels of one group.
struct Sizes {
  int64_t clips, frames, groups, in, out, taps;

  int64_t width() const { return groups * out; }
  int64_t blocks() const { return (taps + kTaps - 1) / kTaps; }
  int64_t padded_taps() const { return blocks() * kTaps; }
  int64_t rows() const { return up_to(frames, kFrameBlock) + padded_taps(); }  // of padded input
};

Sizes sizes_of(const at::Tensor& x, const at::Tensor& weight, int64_t groups) {
  return {x.size(0), x.size(1), groups, weight.size(1), weight.size(0) / groups, weight.size(2)};
}

// [B, T, groups * C] -> [groups, B, rows, C]: `before` rows of zeros, x, and zeros.
at::Tensor padded_groups(const at::Tensor& x, int64_t groups, int64_t before, int64_t rows) {
  at::Tensor padded = at::zeros({groups, x.size(0), rows, x.size(2) / groups}, x.options());
  padded.narrow(2, before, x.size(1)).copy_(x.unflatten(2, {groups, -1}).permute({2, 0, 1, 3}));
  return padded;
}

// Matrices [count, K, N], rows `stride` apart and matrices `step`, as brgemm takes its second
// operand: [count, padded, N], zero from row K on, bf16 in pairs of rows.
at::Tensor second_operands(const at::Tensor& x, int64_t count, int64_t step, int64_t depth,
                           int64_t width, int64_t stride, int64_t padded) {
  at::Tensor result = at::empty({count, padded, width}, x.options());
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (x.scalar_type() == at::kBFloat16) {
        kernels::pair_rows(data<bf16_bits>(x) + i * step, stride, depth, width, padded,
                           data<bf16_pair>(result) + i * padded * width / 2);
        continue;
      }
      float* out = data<float>(result) + i * padded * width;
      for (int64_t r = 0; r < depth; ++r)
        std::copy_n(data<float>(x) + i * step + r * stride, width, out + r * width);
      std::fill_n(out + depth * width, (padded - depth) * width, 0.0f);
    }
  });
  return result;
}

// y [B, T, E] fp32 += the convolution of x [groups, B, rows, in] with weight [taps, in, E]. Frames
// t, t + 16, t + 32, .. are rows of one matrix, 16 * in numbers each, contiguous in memory; its
// product with 16 taps is their part of the sum.
template <class T>
void add_convolution(const Sizes& s, const at::Tensor& x, const at::Tensor& weight,
                     const at::Tensor& y) {
  const int64_t depth = kTaps * s.in, stride = kTaps * s.width();
  const at::Tensor taps = second_operands(weight, s.groups, s.out, s.taps * s.in, s.out, s.width(),
                                          s.padded_taps() * s.in);
  at::parallel_for(0, s.groups * s.clips * kTaps, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t part = i / kTaps, first = i % kTaps;
      const int64_t group = part / s.clips, clip = part % s.clips;
      const int64_t frames = (s.frames - first + kTaps - 1) / kTaps;
      const T* frame = data<T>(x) + (part * s.rows() + first) * s.in;
      const T* tap = data<T>(taps) + group * s.padded_taps() * s.in * s.out;
      float* result = data<float>(y) + (clip * s.frames + first) * s.width() + group * s.out;
      for (int64_t row = 0; row < frames; row += kMaxRows) {
        const int64_t rows = std::min(kMaxRows, frames - row);
        for (int64_t j = 0; j < s.blocks(); ++j) {
          brgemm_add({rows, s.out, depth, depth, s.out, stride}, frame + (row + j) * depth,
                     tap + j * depth * s.out, result + row * stride);
        }
      }
    }
    brgemm_done();
  });
}

void add_convolution(const Sizes& s, const at::Tensor& x, const at::Tensor& weight,
                     const at::Tensor& y) {
  if (x.scalar_type() == at::kFloat) {
    add_convolution<float>(s, x, weight, y);
  } else {
    add_convolution<at::BFloat16>(s, x, weight, y);
  }
}

// [taps, in, E] fp32: of tap k, the sum over frames of x[t + k] dy[t]; x [groups, B, rows, in], dy
// [groups, B, T and zeros up to a whole block, out].
template <class T>
at::Tensor weight_gradient(const Sizes& s, const at::Tensor& x, const at::Tensor& dy) {
  const int64_t rows = s.rows(), frames = dy.size(2);
  const at::Tensor turned = x.transpose(2, 3).contiguous();
  const at::Tensor slopes =
      second_operands(dy, s.groups * s.clips, frames * s.out, frames, s.out, s.out, frames);
  at::Tensor dw = at::zeros({s.taps, s.in, s.width()}, at::kFloat);
  at::parallel_for(0, s.groups * s.taps, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / s.taps, tap = i % s.taps;
      float* result = data<float>(dw) + tap * s.in * s.width() + group * s.out;
      for (int64_t part = group * s.clips; part < (group + 1) * s.clips; ++part) {
        brgemm_add({s.in, s.out, frames, rows, s.out, s.width()},
                   data<T>(turned) + part * s.in * rows + tap,
                   data<T>(slopes) + part * frames * s.out, result);
      }
    }
    brgemm_done();
  });
  return dw;
}

at::Tensor weight_gradient(const Sizes& s, const at::Tensor& x, const at::Tensor& dy) {
  const at::Tensor slopes = padded_groups(dy, s.groups, 0, up_to(s.frames, kFrameBlock));
  const at::Tensor dw = x.scalar_type() == at::kFloat ? weight_gradient<float>(s, x, slopes)
                                                      : weight_gradient<at::BFloat16>(s, x, slopes);
  return dw.permute({2, 1, 0}).to(x.scalar_type());
}

// The convolution of dy with the taps in reverse, inputs and outputs exchanged.
at::Tensor input_gradient(const Sizes& s, const at::Tensor& taps, const at::Tensor& dy) {
  const Sizes back{s.clips, s.frames, s.groups, s.out, s.in, s.taps};
  const at::Tensor reversed =
      taps.flip(0).unflatten(2, {s.groups, s.out}).permute({0, 3, 2, 1}).contiguous();
  at::Tensor dx = at::zeros({s.clips, s.frames, back.width()});
  add_convolution(back, padded_groups(dy, s.groups, s.taps - 1 - s.taps / 2, back.rows()), reversed,
                  dx);
  return dx.to(dy.scalar_type());
}

struct Convolved {
  at::Tensor y, padded, taps;  // [B, T, E]; saved for backward
};

Convolved convolve(const Sizes& s, const at::Tensor& x, const at::Tensor& weight,
                   const at::Tensor& bias) {
  Convolved result{
      {}, padded_groups(x, s.groups, s.taps / 2, s.rows()), weight.permute({2, 1, 0}).contiguous()};
  const std::array<int64_t, 3> shape = {s.clips, s.frames, s.width()};
  const at::Tensor sum =
      bias.defined() ? bias.to(at::kFloat).expand(shape).contiguous() : at::zeros(shape);
  add_convolution(s, result.padded, result.taps, sum);
  result.y = sum.to(x.scalar_type());
  return result;
}

struct GroupedConv : torch::autograd::Function<GroupedConv> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias, int64_t groups) {
    const Convolved result =
        convolve(sizes_of(x, weight, groups), x, weight, bias.value_or(at::Tensor()));
    context->save_for_backward({result.padded, result.taps});
    context->saved_data["frames"] = x.size(1);
    if (bias) context->saved_data["bias dtype"] = static_cast<int64_t>(bias->scalar_type());
    return result.y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &padded = saved[0], &taps = saved[1];
    const int64_t groups = padded.size(0);
    const Sizes s{padded.size(1),
                  context->saved_data["frames"].toInt(),
                  groups,
                  padded.size(3),
                  taps.size(2) / groups,
                  taps.size(0)};
    const at::Tensor dy = gradients[0].to(padded.scalar_type());
    tensor_list result(4);
    if (context->needs_input_grad(0)) result[0] = input_gradient(s, taps, dy);
    if (context->needs_input_grad(1)) result[1] = weight_gradient(s, padded, dy);
    if (const auto bias = context->saved_data.find("bias dtype");
        bias != context->saved_data.end()) {
      result[2] = dy.sum(at::IntArrayRef{0, 1}, /*keepdim=*/false, at::kFloat)
                      .to(static_cast<at::ScalarType>(bias->second.toInt()));
    }
    return result;
  }
};

at::Tensor aten_conv(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                     int64_t groups) {
  return conv_time(x, {weight, bias}, 1, weight.size(2) / 2, groups).narrow(1, 0, x.size(1));
}

// At least n; 1, 5/8, 6/8 or 7/8 of a power of two.
int64_t fft_size(int64_t n) {
  const auto power = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(n)));
  for (const int64_t eighths : {5, 6, 7}) {
    if (power % 8 == 0 && power / 8 * eighths >= n) return power / 8 * eighths;
  }
  return power;
}

at::Tensor conv_of(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                   int64_t groups) {
  if (!x.is_cpu()) return grouped_conv_by_fft(x, weight, bias, groups);
  if (!has_kernel(weight)) return aten_conv(x, weight, bias, groups);
  const auto dtype = weight.scalar_type();
  const bool in_bf16 = dtype == at::kBFloat16 && brgemm_takes_bf16();
  const auto computed = in_bf16 ? at::kBFloat16 : at::kFloat;
  const at::Tensor input = x.to(computed), kernel = weight.to(computed);
  if (!at::GradMode::is_enabled())
    return convolve(sizes_of(input, kernel, groups), input, kernel, bias).y.to(dtype);
  return GroupedConv::apply(input, kernel,
                            bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt, groups)
      .to(dtype);
}

}  // namespace

at::Tensor grouped_conv(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                        int64_t groups) {
  return kernel_checks().run(
      {Product::kPositionalConv, {weight.size(1), groups, weight.size(2)}},
      {x.to(weight.scalar_type()), weight, bias},
      [&] {
        return SampleSizes{{1, kCheckedFrames, x.size(2)}, weight.sizes().vec(), {weight.size(0)}};
      },
      [&](const Tensors& in) { return conv_of(in[0], in[1], in[2], groups); });
}

at::Tensor grouped_conv_by_fft(const at::Tensor& x, const at::Tensor& weight,
                               const at::Tensor& bias, int64_t groups) {
  const auto dtype = weight.scalar_type();
  const auto computed = dtype == at::kDouble ? at::kDouble : at::kFloat;
  const int64_t clips = x.size(0), frames = x.size(1), taps = weight.size(2);
  const int64_t size = fft_size(std::min(frames, kBlockKernels * taps) + taps - 1);
  const int64_t step = size - taps + 1, blocks = (frames + step - 1) / step;
  const int64_t before = taps / 2, after = blocks * step + taps - 1 - before - frames;
  const at::Tensor padded = at::constant_pad_nd(x.to(computed), {0, 0, before, after});
  const at::Tensor rows = at::fft_rfft(padded.unfold(1, size, step), size)
                              .unflatten(2, {groups, -1})
                              .permute({4, 2, 0, 1, 3})
                              .flatten(2, 3);  // [frequency, groups, B * blocks, C]
  const at::Tensor kernel = at::conj_physical(at::fft_rfft(weight.to(computed), size))
                                .unflatten(0, {groups, -1})
                                .permute({3, 0, 2, 1});  // [frequency, groups, C, out]
  const at::Tensor spectra =
      rows.matmul(kernel).unflatten(2, {clips, blocks}).permute({2, 3, 1, 4, 0});
  const at::Tensor y = at::fft_irfft(spectra, size)  // [B, blocks, groups, out, size]
                           .narrow(4, 0, step)
                           .permute({0, 1, 4, 2, 3})
                           .flatten(3, 4)
                           .flatten(1, 2)
                           .narrow(1, 0, frames);
  return (bias.defined() ? y + bias.to(computed) : y).to(dtype);
}

at::Tensor tap_by_tap(const at::Tensor& weight) {
  return weight.permute({2, 1, 0}).contiguous().permute({2, 1, 0});
}

}  // namespace concertina
