#include "eval/probe_training.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "eval/probe_kernels.h"

namespace concertina {
namespace {

constexpr int64_t kScaleRows = 8192;  // at once
constexpr double kLeastSpread = 1e-6;

at::Tensor weighted_sum(const at::Tensor& weights, const at::Tensor& layers) {
  const int64_t count = layers.size(0);
  return weights.unsqueeze(0)
      .mm(layers.reshape({count, -1}))
      .view({layers.size(1), layers.size(2)});
}

template <class Loop>
void with_values(const at::Tensor& layers, const Loop& loop) {
  if (layers.scalar_type() == at::kHalf)
    return loop(reinterpret_cast<const kernels::fp16_bits*>(layers.const_data_ptr<at::Half>()));
  CONCERTINA_ASSERT(layers.scalar_type() == at::kFloat);
  loop(layers.const_data_ptr<float>());
}

constexpr int64_t kRowsOfAThread = 128;  // at least

// [n, D]
at::Tensor standardised_sum(const at::Tensor& share, const at::Tensor& layers,
                            const ChannelScale& scale) {
  const at::Tensor x = layers.contiguous(), inverse_spread = scale.spread.reciprocal();
  const at::Tensor weights = share.contiguous(), mean = scale.mean.contiguous();
  const int64_t rows = x.size(1), width = x.size(2);
  at::Tensor z = at::empty({rows, width});
  with_values(x, [&](const auto* values) {
    at::parallel_for(0, rows, kRowsOfAThread, [&](int64_t begin, int64_t end) {
      kernels::standardised_sum(values + begin * width, rows * width,
                                weights.const_data_ptr<float>(), mean.const_data_ptr<float>(),
                                inverse_spread.const_data_ptr<float>(),
                                z.data_ptr<float>() + begin * width, x.size(0), end - begin, width);
    });
  });
  return z;
}

// [L]: the sum over rows and channels of each layer's product with y [n, D].
at::Tensor layer_products(const at::Tensor& layers, const at::Tensor& y) {
  const at::Tensor x = layers.contiguous(), other = y.contiguous();
  at::Tensor products = at::empty({x.size(0)});
  with_values(x, [&](const auto* values) {
    at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
      for (int64_t l = begin; l < end; ++l)
        products.data_ptr<float>()[l] = kernels::inner_product(
            values + l * other.numel(), other.const_data_ptr<float>(), other.numel());
    });
  });
  return products;
}

ProbeParameters zero_moments(const ProbeParameters& of) {
  return {at::zeros_like(of.layer_logits), at::zeros_like(of.weight), at::zeros_like(of.bias)};
}

}  // namespace

at::Tensor TrainedProbe::scores(const at::Tensor& layers) const {
  return at::addmm(bias, weighted_sum(layer_weights, layers), weight);
}

std::string probe_setting(const TrainedProbe& probe) {
  const at::Tensor& weights = probe.layer_weights;
  const auto largest = weights.argmax().item<int64_t>();
  return fmt::format(
      "weighted sum of {} layers, most of layer {} ({:.2f}); Adam, {} steps, rate {:g} chosen on a "
      "fold of train",
      weights.size(0), largest, weights[largest].item<double>(), probe.steps, probe.rate);
}

ChannelScale channel_scale(std::span<const at::Tensor> features) {
  const int64_t width = features.front().size(2);
  const at::Tensor shift = features.front().select(1, 0).to(at::kFloat).mean(0);
  at::Tensor sum = at::zeros({width}, at::kDouble), squares = at::zeros({width}, at::kDouble);
  int64_t count = 0;
  for (const at::Tensor& each : features) {
    const int64_t rows = each.size(1);
    for (int64_t first = 0; first < rows; first += kScaleRows) {
      const at::Tensor part =
          each.narrow(1, first, std::min(kScaleRows, rows - first)).to(at::kFloat) - shift;
      sum += part.sum(at::IntArrayRef{0, 1});
      squares += part.square().sum(at::IntArrayRef{0, 1});
    }
    count += rows * each.size(0);
  }
  const at::Tensor mean = sum / static_cast<double>(count);
  const at::Tensor variance = squares / static_cast<double>(count) - mean.square();
  return {shift + mean.to(at::kFloat),
          variance.clamp_min(0).sqrt().to(at::kFloat).clamp_min(kLeastSpread)};
}

ProbeForward::ProbeForward(const at::Tensor& layers, const ProbeParameters& parameters,
                           const ChannelScale& scale)
    : share(at::softmax(parameters.layer_logits, 0)),
      z(standardised_sum(share, layers, scale)),
      logits(at::addmm(parameters.bias, z, parameters.weight)) {}

ProbeParameters ProbeForward::gradients(const at::Tensor& of_logits, const at::Tensor& layers,
                                        const ProbeParameters& parameters,
                                        const ChannelScale& scale) const {
  const at::Tensor of_sum = of_logits.mm((parameters.weight / scale.spread.unsqueeze(1)).t());
  const at::Tensor of_share = layer_products(layers, of_sum);
  return {share * (of_share - (share * of_share).sum()), z.t().mm(of_logits), of_logits.sum(0)};
}

ProbeAdam::ProbeAdam(int64_t layers, int64_t width, int64_t classes, double rate, int32_t steps)
    : value_{at::zeros({layers}), at::zeros({width, classes}), at::zeros({classes})},
      first_(zero_moments(value_)),
      second_(zero_moments(value_)),
      rate_(rate),
      steps_(steps) {}

void ProbeAdam::step(const ProbeParameters& gradients) {
  constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
  const double rate = rate_ * (1 - static_cast<double>(done_) / steps_);
  ++done_;
  const double scale1 = 1 - std::pow(kBeta1, done_), scale2 = 1 - std::pow(kBeta2, done_);
  for (const auto member :
       {&ProbeParameters::layer_logits, &ProbeParameters::weight, &ProbeParameters::bias}) {
    const at::Tensor& gradient = gradients.*member;
    const at::Tensor &first = first_.*member, &second = second_.*member;
    first.mul_(kBeta1).add_(gradient, 1 - kBeta1);
    second.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
    (value_.*member).addcdiv_(first, (second / scale2).sqrt_().add_(kEpsilon), -rate / scale1);
  }
}

// (z - mean) / spread W + b = z (W / spread) + (b - mean W / spread)
TrainedProbe ProbeAdam::probe(const ChannelScale& scale) const {
  const at::Tensor weight = value_.weight / scale.spread.unsqueeze(1);
  return {at::softmax(value_.layer_logits, 0), weight,
          value_.bias - scale.mean.unsqueeze(0).mm(weight).squeeze(0), rate_, steps_};
}

std::span<const int64_t> BatchOrder::next() {
  if (order_.empty() || place_ + batch_ > std::ssize(order_)) {
    order_.resize(static_cast<size_t>(n_));
    for (size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<int64_t>(i);
    rng_.shuffle(std::span(order_));
    place_ = 0;
  }
  const auto batch =
      std::span(order_).subspan(static_cast<size_t>(place_), static_cast<size_t>(batch_));
  place_ += batch_;
  return batch;
}

}  // namespace concertina
