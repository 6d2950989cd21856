#include "distill/adamw.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace concertina {
namespace {

constexpr int64_t kChunk = 16384;  // elements of one unit of parallel work
constexpr int64_t kBlock = 64;     // elements whose touched flags are looked at together

struct Rates {
  float scale, beta1, beta2, rate, keep, root_correction, eps;
};

struct Buffers {
  float* parameter;
  const float* gradient;
  float* first;
  float* second;
};

// Clones for wider vectors are picked at load time, so one binary is fast on every x86 machine.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("default", "avx2", "avx512f")))
#endif
void update_block(float* __restrict parameter, const float* __restrict gradient,
                  float* __restrict first, float* __restrict second, int64_t count, Rates r) {
  for (int64_t i = 0; i < count; ++i) {
    const float g = gradient[i] * r.scale;
    const float m = r.beta1 * first[i] + (1 - r.beta1) * g;
    const float v = r.beta2 * second[i] + (1 - r.beta2) * g * g;
    first[i] = m;
    second[i] = v;
    parameter[i] = r.keep * parameter[i] - r.rate * m / (std::sqrt(v) * r.root_correction + r.eps);
  }
}

enum class Touched { kNone, kSome, kAll };

Touched look(const uint8_t* flags, int64_t count) {
  if (std::memchr(flags, 1, static_cast<size_t>(count)) == nullptr) return Touched::kNone;
  return std::memchr(flags, 0, static_cast<size_t>(count)) == nullptr ? Touched::kAll
                                                                      : Touched::kSome;
}

void update_range(const Buffers& b, const uint8_t* touched, int64_t begin, int64_t end,
                  const Rates& rates) {
  for (int64_t i = begin; i < end; i += kBlock) {
    const int64_t count = std::min(kBlock, end - i);
    const Touched state = look(touched + i, count);
    if (state == Touched::kAll) {
      update_block(b.parameter + i, b.gradient + i, b.first + i, b.second + i, count, rates);
    } else if (state == Touched::kSome) {
      for (int64_t j = i; j < i + count; ++j) {
        if (touched[j] == 0) continue;
        update_block(b.parameter + j, b.gradient + j, b.first + j, b.second + j, 1, rates);
      }
    }
  }
}

}  // namespace

double learning_rate(const OptimizerOptions& options, int64_t step, int64_t steps) {
  const auto total = static_cast<double>(std::max<int64_t>(steps, 1));
  const double warm = std::max(1.0, std::round(options.warmup * total));
  const double at = static_cast<double>(step) + 1;
  if (at <= warm) return options.lr * at / warm;
  const double progress = std::min(1.0, (at - warm) / std::max(1.0, total - warm));
  return options.lr * (1 - (1 - options.final_lr) * progress);
}

double clip_scale(double norm, double clip) {
  return clip > 0 && norm > clip ? clip / (norm + 1e-6) : 1.0;
}

AdamW::AdamW(const Parameters& parameters, const OptimizerOptions& options)
    : options_(options),
      first_(at::zeros_like(parameters.flat())),
      second_(at::zeros_like(parameters.flat())) {
  at::Tensor decayed = at::zeros({parameters.flat().numel()});
  for (size_t p = 0; p < parameters.list().size(); ++p) {
    const Parameter& parameter = parameters.list()[p];
    const int64_t end = p + 1 < parameters.list().size() ? parameters.list()[p + 1].offset
                                                         : parameters.flat().numel();
    if (parameter.decay) decayed.narrow(0, parameter.offset, end - parameter.offset).fill_(1);
    for (int64_t begin = parameter.offset; begin < end; begin += kChunk) {
      chunks_.push_back({begin, std::min(end, begin + kChunk), parameter.decay});
    }
  }
  if (!parameters.flat().is_cpu()) decayed_ = decayed.to(parameters.flat().device());
}

void AdamW::step(const Parameters& parameters, const Gradients& gradients, double lr,
                 double scale) {
  ++steps_;
  if (parameters.flat().is_cpu()) {
    step_cpu(parameters, gradients, lr, scale);
  } else {
    step_device(parameters, gradients, lr, scale);
  }
}

void AdamW::step_cpu(const Parameters& parameters, const Gradients& gradients, double lr,
                     double scale) {
  const auto steps = static_cast<double>(steps_);
  const double correction1 = 1 - std::pow(options_.beta1, steps);
  const double correction2 = 1 - std::pow(options_.beta2, steps);
  const Rates plain{static_cast<float>(scale),
                    static_cast<float>(options_.beta1),
                    static_cast<float>(options_.beta2),
                    static_cast<float>(lr / correction1),
                    1.0F,
                    static_cast<float>(1 / std::sqrt(correction2)),
                    static_cast<float>(options_.eps)};
  Rates decayed = plain;
  decayed.keep = static_cast<float>(1 - lr * options_.weight_decay);
  const Buffers buffers{parameters.flat().data_ptr<float>(), gradients.flat.const_data_ptr<float>(),
                        first_.data_ptr<float>(), second_.data_ptr<float>()};
  const uint8_t* touched = gradients.touched.const_data_ptr<uint8_t>();
  at::parallel_for(0, static_cast<int64_t>(chunks_.size()), 1, [&](int64_t from, int64_t to) {
    for (int64_t c = from; c < to; ++c) {
      const Chunk& chunk = chunks_[static_cast<size_t>(c)];
      update_range(buffers, touched, chunk.begin, chunk.end, chunk.decay ? decayed : plain);
    }
  });
}

void AdamW::step_device(const Parameters& parameters, const Gradients& gradients, double lr,
                        double scale) {
  at::NoGradGuard no_grad;
  const auto steps = static_cast<double>(steps_);
  const double correction1 = 1 - std::pow(options_.beta1, steps);
  const double correction2 = 1 - std::pow(options_.beta2, steps);
  const at::Tensor touched = gradients.touched.to(at::kBool);
  const at::Tensor gradient = gradients.flat * scale;
  first_.copy_(at::where(touched, at::lerp(gradient, first_, options_.beta1), first_));
  second_.copy_(at::where(touched, at::lerp(gradient.square(), second_, options_.beta2), second_));
  const at::Tensor root = second_.sqrt().mul_(1 / std::sqrt(correction2)).add_(options_.eps);
  const at::Tensor& flat = parameters.flat();
  const at::Tensor moved =
      flat * (1 - decayed_ * (lr * options_.weight_decay)) - first_ / root * (lr / correction1);
  at::Tensor target = flat;
  target.copy_(at::where(touched, moved, flat));
}

}  // namespace concertina
