#include "distill/train/adamw.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace concertina {
namespace {

constexpr int64_t kChunk = 16384;  // elements of one parallel task
constexpr int64_t kDevicePart = int64_t{1}
                                << 24;  // elements of one pass on a GPU: bounds its temporaries
constexpr int64_t kBlock = 64;          // elements whose touched bits are read together

struct Rates {
  float scale, beta1, beta2, rate, keep, root_correction, eps;
};

struct Buffers {
  float* parameter;
  const float* gradient;
  float* first;
  float* second;
  int16_t* updates;
  int64_t moments_begin;  // the element that the first moments belong to
  Buffers at(int64_t i) const {
    return {parameter + i,
            gradient + i,
            first + (i - moments_begin),
            second + (i - moments_begin),
            updates + i,
            0};
  }
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

bool all_equal(const int16_t* values, int64_t count) {
  return std::memcmp(values, values + 1, static_cast<size_t>(count - 1) * sizeof(int16_t)) == 0;
}

int16_t incremented(int16_t updates) {
  return static_cast<int16_t>(std::min<int64_t>(updates + 1, AdamW::kMaxUpdates));
}

// `rates(n)`: of an element's n-th update.
template <class RatesOf>
void update_run(const Buffers& b, int64_t count, const RatesOf& rates) {
  const int16_t updates = incremented(b.updates[0]);
  update_block(b.parameter, b.gradient, b.first, b.second, count, rates(updates));
  std::fill_n(b.updates, count, updates);
}

template <class RatesOf>
void update_range(const Buffers& b, const TouchedMask& touched, int64_t begin, int64_t end,
                  const RatesOf& rates) {
  for (int64_t i = begin; i < end; i += kBlock) {
    const int64_t count = std::min(kBlock, end - i);
    const uint64_t all = ~uint64_t{0} >> (kBlock - count), bits = touched.block(i) & all;
    if (bits == all && all_equal(b.updates + i, count)) {
      update_run(b.at(i), count, rates);
      continue;
    }
    for (uint64_t left = bits; left != 0; left &= left - 1) {
      update_run(b.at(i + std::countr_zero(left)), 1, rates);
    }
  }
}

void count_range(int16_t* updates, const TouchedMask& touched, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i += kBlock) {
    const int64_t count = std::min(kBlock, end - i);
    uint64_t bits = touched.block(i) & (~uint64_t{0} >> (kBlock - count));
    for (; bits != 0; bits &= bits - 1) {
      int16_t& each = updates[i + std::countr_zero(bits)];
      each = incremented(each);
    }
  }
}

// On the CPU, pages that are never written take no memory.
at::Tensor zero_moments(const Parameters& parameters, ElementRange range) {
  const int64_t size = range.end - range.begin;
  if (parameters.flat().is_cpu()) return zeros_like_flat(parameters).narrow(0, 0, size);
  return at::zeros({size}, parameters.flat().options());
}

}  // namespace

at::Tensor clip_scale(const at::Tensor& norm, double clip) {
  if (clip <= 0) return at::ones_like(norm);
  return at::where(norm > clip, clip / (norm + 1e-6), 1.0);
}

AdamW::AdamW(const Parameters& parameters, const OptimizerOptions& options,
             std::optional<ElementRange> range)
    : options_(options),
      range_(range.value_or(ElementRange{0, parameters.flat().numel()})),
      state_{zero_moments(parameters, range_), zero_moments(parameters, range_),
             zeros_like_flat(parameters, at::kShort)} {
  for (int64_t n = 0; n <= kMaxUpdates; ++n) {
    const auto updates = static_cast<double>(std::max<int64_t>(n, 1));
    corrections_.push_back({1 / (1 - std::pow(options.beta1, updates)),
                            1 / std::sqrt(1 - std::pow(options.beta2, updates))});
  }
  at::Tensor decayed = at::zeros({parameters.flat().numel()}, at::kBool), lr_scales;
  for (size_t p = 0; p < parameters.list().size(); ++p) {
    const Parameter& parameter = parameters.list()[p];
    const int64_t end = p + 1 < parameters.list().size() ? parameters.list()[p + 1].offset
                                                         : parameters.flat().numel();
    if (parameter.decay) decayed.narrow(0, parameter.offset, end - parameter.offset).fill_(1);
    if (parameter.lr_scale != 1) {
      if (!lr_scales.defined()) lr_scales = at::ones({parameters.flat().numel()});
      lr_scales.narrow(0, parameter.offset, end - parameter.offset).fill_(parameter.lr_scale);
    }
    for (int64_t begin = parameter.offset; begin < end; begin = chunks_.back().end) {
      int64_t stop = std::min(end, begin + kChunk);
      for (const int64_t edge : {range_.end, range_.begin}) {
        if (begin < edge && edge < stop) stop = edge;
      }
      const bool in_range = begin >= range_.begin && begin < range_.end;
      chunks_.push_back({begin, stop, parameter.decay, parameter.lr_scale, in_range});
    }
  }
  if (parameters.flat().is_cpu()) return;
  decayed_ = decayed.to(parameters.flat().device());
  if (lr_scales.defined()) lr_scales_ = lr_scales.to(parameters.flat().device());
}

void AdamW::step(const Parameters& parameters, const Gradients& gradients, double lr,
                 const at::Tensor& scale) {
  if (!parameters.flat().is_cpu()) return step_device(parameters, gradients, lr, scale);
  const double factor = scale.item<double>();
  if (std::isfinite(factor)) step_cpu(parameters, gradients, lr, factor);
}

void AdamW::step_cpu(const Parameters& parameters, const Gradients& gradients, double lr,
                     double scale) {
  const auto rates = [&](const Chunk& chunk) {
    const double rate = lr * chunk.lr_scale;
    const float keep = chunk.decay ? static_cast<float>(1 - rate * options_.weight_decay) : 1.0F;
    return [this, rate, scale, keep](int16_t updates) {
      const Correction& correction = corrections_[static_cast<size_t>(updates)];
      return Rates{static_cast<float>(scale),
                   static_cast<float>(options_.beta1),
                   static_cast<float>(options_.beta2),
                   static_cast<float>(rate * correction.first),
                   keep,
                   static_cast<float>(correction.second),
                   static_cast<float>(options_.eps)};
    };
  };
  const Buffers buffers{
      parameters.flat().data_ptr<float>(),   gradients.flat.const_data_ptr<float>(),
      state_.first_moment.data_ptr<float>(), state_.second_moment.data_ptr<float>(),
      state_.updates.data_ptr<int16_t>(),    range_.begin};
  at::parallel_for(0, static_cast<int64_t>(chunks_.size()), 1, [&](int64_t from, int64_t to) {
    for (int64_t c = from; c < to; ++c) {
      const Chunk& chunk = chunks_[static_cast<size_t>(c)];
      if (!chunk.in_range) {
        count_range(buffers.updates, gradients.touched, chunk.begin, chunk.end);
        continue;
      }
      update_range(buffers, gradients.touched, chunk.begin, chunk.end, rates(chunk));
    }
  });
}

void AdamW::step_device(const Parameters& parameters, const Gradients& gradients, double lr,
                        const at::Tensor& scale) {
  at::NoGradGuard no_grad;
  const int64_t numel = parameters.flat().numel();
  for (const ElementRange span :
       {ElementRange{0, range_.begin}, range_, ElementRange{range_.end, numel}}) {
    for (int64_t begin = span.begin; begin < span.end; begin += kDevicePart) {
      step_part({begin, std::min(begin + kDevicePart, span.end)}, parameters, gradients, lr, scale);
    }
  }
}

// Of a part that lies inside the range or outside.
void AdamW::step_part(ElementRange elements, const Parameters& parameters,
                      const Gradients& gradients, double lr, const at::Tensor& scale) {
  const int64_t size = elements.end - elements.begin;
  const auto part = [&](const at::Tensor& t) { return t.narrow(0, elements.begin, size); };
  const auto moments = [&](const at::Tensor& t) {
    return t.narrow(0, elements.begin - range_.begin, size);
  };
  const at::Tensor touched =
      gradients.touched.of(part(gradients.flat)).to(at::kBool).logical_and_(scale.isfinite());
  const at::Tensor updates = part(state_.updates).add_(touched).clamp_max_(kMaxUpdates);
  if (elements.begin < range_.begin || elements.begin >= range_.end) return;
  const at::Tensor gradient = part(gradients.flat) * scale, count = updates.to(at::kFloat);
  at::Tensor target = part(parameters.flat()), m = moments(state_.first_moment),
             v = moments(state_.second_moment);
  m.copy_(at::where(touched, at::lerp(gradient, m, options_.beta1), m));
  v.copy_(at::where(touched, at::lerp(gradient.square(), v, options_.beta2), v));
  const auto correction = [&](double beta) { return (count * std::log(beta)).expm1_().neg_(); };
  const at::Tensor root = v.div(correction(options_.beta2)).sqrt_().add_(options_.eps);
  at::Tensor decay = part(decayed_) * (lr * options_.weight_decay);
  at::Tensor change = m / correction(options_.beta1) / root * lr;
  if (lr_scales_.defined()) {
    decay = decay * part(lr_scales_);
    change = change * part(lr_scales_);
  }
  target.copy_(at::where(touched, target * (1 - decay) - change, target));
}

}  // namespace concertina
