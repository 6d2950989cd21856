#include <torch/csrc/autograd/custom_function.h>

#include "supernet/nn/gelu_kernels.h"
#include "supernet/nn/kernel_calls.h"
#include "supernet/nn/norm_gelu.h"
#include "supernet/nn/ops.h"

namespace concertina {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// The rows of one utterance in parts for threads.
template <class Body>
void for_parts(int64_t rows, int64_t parts, Body body) {
  at::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      const int64_t begin = rows * part / parts;
      body(part, begin, rows * (part + 1) / parts - begin);
    }
  });
}

int64_t parts_of(int64_t rows, int64_t width) {
  return std::clamp<int64_t>(rows / rows_of_work(width), 1, at::get_num_threads());
}

// Sums over the rows of one utterance: body(part, begin, count, first, second) adds to first and
// second [C] fp64.
template <class Body>
at::Tensor row_sums(int64_t rows, int64_t width, Body body) {
  const int64_t parts = parts_of(rows, width);
  at::Tensor sums = at::zeros({parts, 2, width}, at::kDouble);
  for_parts(rows, parts, [&](int64_t part, int64_t begin, int64_t count) {
    double* first = data<double>(sums) + part * 2 * width;
    body(begin, count, first, first + width);
  });
  return sums.sum(0);
}

// [2, C] fp64: mean and population variance of x [T, C].
at::Tensor moments(const at::Tensor& x) {
  const int64_t rows = x.size(0), width = x.size(1);
  at::Tensor mean = at::zeros({width}, at::kDouble), variance;
  for (int pass = 0; pass < 2; ++pass) {  // the second is centred, so that the variance is exact
    with_element(x, [&]<class T>(T*) {
      const at::Tensor sums =
          row_sums(rows, width, [&](int64_t begin, int64_t count, double* a, double* b) {
            kernels::channel_sums(data<T>(x) + begin * width, data<double>(mean), a, b, count,
                                  width);
          });
      const at::Tensor shift = sums[0] / static_cast<double>(rows);
      variance = sums[1] / static_cast<double>(rows) - shift.square();
      mean = mean + shift;
    });
  }
  return at::stack({mean, variance});
}

struct ChannelNormGelu : torch::autograd::Function<ChannelNormGelu> {
  // Fills y [B, T, C], which may be x; statistics [B, 2, C] fp64: mean and inverse deviation.
  static at::Tensor run(const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight,
                        const at::Tensor& bias, const at::Tensor& lengths) {
    at::Tensor statistics = at::empty({x.size(0), 2, x.size(2)}, at::kDouble);
    for (int64_t b = 0; b < x.size(0); ++b) {
      const int64_t rows = lengths.const_data_ptr<int64_t>()[b], width = x.size(2);
      const at::Tensor valid = x[b].narrow(0, 0, rows), out = y[b].narrow(0, 0, rows);
      y[b].narrow(0, rows, x.size(1) - rows).zero_();
      at::Tensor own = moments(valid);
      own[1] = (own[1] + kNormEps).rsqrt();
      statistics[b] = own;
      const at::Tensor scale = (own[1] * weight).to(at::kFloat);
      const at::Tensor shift = (bias - own[0] * own[1] * weight).to(at::kFloat);
      with_element(x, [&]<class T>(T*) {
        for_parts(rows, parts_of(rows, width), [&](int64_t, int64_t begin, int64_t count) {
          kernels::scale_gelu(data<T>(valid) + begin * width, data<float>(scale),
                              data<float>(shift), data<T>(out) + begin * width, count, width);
        });
      });
    }
    return statistics;
  }

  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, const at::Tensor& lengths) {
    at::Tensor y = at::empty_like(x);
    const at::Tensor statistics = run(x, y, weight, bias, lengths);
    context->save_for_backward({x, weight, bias, lengths, statistics});
    return y;
  }

  // With xhat = (x - mean) * inverse and z = weight * xhat + bias:
  //   dx = weight * inverse * (dz - mean(dz) - xhat * mean(dz * xhat)), for each channel linear in
  //   dz and x.
  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &bias = saved[2], &lengths = saved[3];
    const at::Tensor dx = memory_for_gradient(gradients[0], x);
    const at::Tensor dy = gradients[0].to(x.scalar_type()).contiguous();
    const int64_t width = x.size(2);
    at::Tensor sums = at::zeros({2, width}, at::kDouble);
    for (int64_t b = 0; b < x.size(0); ++b) {
      const int64_t rows = lengths.const_data_ptr<int64_t>()[b];
      const at::Tensor mean = saved[4][b][0], inverse = saved[4][b][1];
      const at::Tensor in = x[b].narrow(0, 0, rows), out = dx[b].narrow(0, 0, rows);
      const at::Tensor upstream = dy[b].narrow(0, 0, rows);
      dx[b].narrow(0, rows, x.size(1) - rows).zero_();
      const at::Tensor scale = (inverse * weight).to(at::kFloat);
      const at::Tensor shift = (bias - mean * inverse * weight).to(at::kFloat);
      with_element(x, [&]<class T>(T*) {
        const at::Tensor totals =
            row_sums(rows, width, [&](int64_t begin, int64_t count, double* a, double* c) {
              kernels::scale_gelu_sums(data<T>(in) + begin * width,
                                       data<T>(upstream) + begin * width, data<float>(scale),
                                       data<float>(shift), a, c, count, width);
            });
        const at::Tensor dz = totals[0], dz_hat = (totals[1] - mean * totals[0]) * inverse;
        sums += at::stack({dz_hat, dz});
        const double share = 1.0 / static_cast<double>(rows);
        const at::Tensor slope = -share * weight * inverse.square() * dz_hat;
        const at::Tensor offset = (-share * weight * inverse * dz - slope * mean).to(at::kFloat);
        const at::Tensor slope32 = slope.to(at::kFloat);
        for_parts(rows, parts_of(rows, width), [&](int64_t, int64_t begin, int64_t count) {
          kernels::scale_gelu_backward(
              data<T>(in) + begin * width, data<T>(upstream) + begin * width, data<float>(scale),
              data<float>(shift), data<float>(slope32), data<float>(offset),
              data<T>(out) + begin * width, count, width);
        });
      });
    }
    return {dx, sums[0].to(weight.scalar_type()), sums[1].to(bias.scalar_type()), at::Tensor()};
  }
};

// The same in ATen's operations, for other devices.
at::Tensor by_operations(const at::Tensor& x, const Affine& norm, const at::Tensor& lengths) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor valid = valid_mask(lengths, x.size(1), x.device());
  const at::Tensor weight =
      valid.defined() ? valid.unsqueeze(2).to(at::kFloat) : at::ones({1, 1, 1}, wide.options());
  const at::Tensor count =
      valid.defined() ? weight.sum(1, true) : at::full({1, 1, 1}, x.size(1), wide.options());
  const at::Tensor mean = (wide * weight).sum(1, true) / count;
  const at::Tensor variance = ((wide - mean).square() * weight).sum(1, true) / count;
  const at::Tensor normed =
      (wide - mean) * ((variance + kNormEps).rsqrt() * norm.weight) + norm.bias;
  return at::gelu((normed * weight).to(x.scalar_type()));
}

}  // namespace

at::Tensor channel_norm_gelu(at::Tensor x, const Affine& norm, const at::Tensor& lengths,
                             Recompute* recompute) {
  if (!has_kernel(x)) return by_operations(x, norm, lengths);
  x = x.contiguous();
  if (!at::GradMode::is_enabled()) {
    ChannelNormGelu::run(x, x, norm.weight, norm.bias, lengths);
    return x;
  }
  if (recompute != nullptr) {
    *recompute = [x, norm, lengths] {
      at::Tensor y = at::empty_like(x);
      ChannelNormGelu::run(x, y, norm.weight, norm.bias, lengths);
      return y;
    };
  }
  return ChannelNormGelu::apply(x, norm.weight, norm.bias, lengths);
}

}  // namespace concertina
