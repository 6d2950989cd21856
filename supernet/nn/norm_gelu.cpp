#include "supernet/nn/norm_gelu.h"

#include <torch/csrc/autograd/custom_function.h>

#include "supernet/nn/gelu_kernels.h"
#include "supernet/nn/kernel_calls.h"
#include "supernet/nn/ops.h"

namespace concertina {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

struct Normed {
  at::Tensor y, mean, inverse_deviation;
};

Normed forward(const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight,
               const at::Tensor& bias) {
  const int64_t width = x.size(-1), rows = x.numel() / std::max<int64_t>(width, 1);
  Normed result{y, at::empty({rows}), at::empty({rows})};
  with_element(x, [&]<class T>(T*) {
    at::parallel_for(0, rows, rows_of_work(width), [&](int64_t begin, int64_t end) {
      kernels::layer_norm_gelu(data<T>(x) + begin * width, data<float>(weight), data<float>(bias),
                               data<T>(result.y) + begin * width, data<float>(result.mean) + begin,
                               data<float>(result.inverse_deviation) + begin, end - begin, width,
                               static_cast<float>(kNormEps));
    });
  });
  return result;
}

struct LayerNormGelu : torch::autograd::Function<LayerNormGelu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias) {
    Normed normed = concertina::forward(x, at::empty_like(x), weight, bias);
    context->save_for_backward({x, weight, bias, normed.mean, normed.inverse_deviation});
    return normed.y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &bias = saved[2];
    const at::Tensor dx = memory_for_gradient(gradients[0], x);
    const at::Tensor dy = gradients[0].to(x.scalar_type()).contiguous();
    const int64_t width = x.size(-1), rows = x.numel() / width;
    const int64_t parts = std::clamp<int64_t>(rows / rows_of_work(width), 1, at::get_num_threads());
    const at::Tensor sums = at::zeros({2, parts, width});
    with_element(x, [&]<class T>(T*) {
      at::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
        for (int64_t part = first; part < last; ++part) {
          const int64_t begin = rows * part / parts, end = rows * (part + 1) / parts;
          kernels::layer_norm_gelu_backward(
              data<T>(x) + begin * width, data<T>(dy) + begin * width, data<float>(weight),
              data<float>(bias), data<float>(saved[3]) + begin, data<float>(saved[4]) + begin,
              data<T>(dx) + begin * width, data<float>(sums) + part * width,
              data<float>(sums) + (parts + part) * width, end - begin, width);
        }
      });
    });
    return {dx, sums[0].sum(0), sums[1].sum(0)};
  }
};

struct FastGelu : torch::autograd::Function<FastGelu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    context->save_for_backward({x});
    return run(x, at::empty_like(x));
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const at::Tensor x = context->get_saved_variables()[0];
    const at::Tensor dx = memory_for_gradient(gradients[0], x);
    const at::Tensor dy = gradients[0].to(x.scalar_type()).contiguous();
    with_element(x, [&]<class T>(T*) {
      at::parallel_for(0, x.numel(), kElementsOfWork, [&](int64_t begin, int64_t end) {
        kernels::gelu_backward(data<T>(x) + begin, data<T>(dy) + begin, data<T>(dx) + begin,
                               end - begin);
      });
    });
    return {dx};
  }

  static at::Tensor run(const at::Tensor& x, const at::Tensor& y) {
    with_element(x, [&]<class T>(T*) {
      at::parallel_for(0, x.numel(), kElementsOfWork, [&](int64_t begin, int64_t end) {
        kernels::gelu(data<T>(x) + begin, data<T>(y) + begin, end - begin);
      });
    });
    return y;
  }
};

}  // namespace

at::Tensor layer_norm_gelu(at::Tensor x, const Affine& norm, Recompute* recompute) {
  if (!has_kernel(x)) return at::gelu(layer_norm(x, norm));
  x = x.contiguous();
  if (!at::GradMode::is_enabled()) return forward(x, x, norm.weight, norm.bias).y;
  if (recompute != nullptr) {
    *recompute = [x, norm] { return forward(x, at::empty_like(x), norm.weight, norm.bias).y; };
  }
  return LayerNormGelu::apply(x, norm.weight, norm.bias);
}

at::Tensor fast_gelu(at::Tensor x, Recompute* recompute) {
  if (!has_kernel(x)) return at::gelu(x);
  x = x.contiguous();
  if (!at::GradMode::is_enabled()) return FastGelu::run(x, x);
  if (recompute != nullptr) *recompute = [x] { return FastGelu::run(x, at::empty_like(x)); };
  return FastGelu::apply(x);
}

}  // namespace concertina
