#include "eval/trained_probe.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "core/errors.h"
#include "core/rng.h"

namespace concertina {
namespace {

constexpr int64_t kReadRows = 8192;  // at once, where all rows are read
constexpr double kLeastDeviation = 1e-6;

at::Tensor weighted_sum(const at::Tensor& weights, const at::Tensor& layers) {
  const int64_t count = layers.size(0);
  return weights.unsqueeze(0)
      .mm(layers.reshape({count, -1}))
      .view({layers.size(1), layers.size(2)});
}

// One mean and deviation of a channel for all layers.
ChannelScale channel_scale(const at::Tensor& features) {
  const int64_t rows = features.size(1), width = features.size(2);
  const at::Tensor shift = features.select(1, 0).to(at::kFloat).mean(0);
  at::Tensor sum = at::zeros({width}, at::kDouble), squares = at::zeros({width}, at::kDouble);
  for (int64_t first = 0; first < rows; first += kReadRows) {
    const at::Tensor part =
        features.narrow(1, first, std::min(kReadRows, rows - first)).to(at::kFloat) - shift;
    sum += part.sum({0, 1});
    squares += part.square().sum({0, 1});
  }
  const at::Tensor mean = sum / static_cast<double>(rows * features.size(0));
  const at::Tensor variance =
      squares / static_cast<double>(rows * features.size(0)) - mean.square();
  return {shift + mean.to(at::kFloat),
          variance.clamp_min(0).sqrt().to(at::kFloat).clamp_min(kLeastDeviation)};
}

// Adam (Kingma & Ba 2015) of one tensor.
struct AdamState {
  at::Tensor value, first, second;

  explicit AdamState(at::Tensor start)
      : value(std::move(start)), first(at::zeros_like(value)), second(at::zeros_like(value)) {}

  void step(const at::Tensor& gradient, double rate, int32_t number) {
    constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
    first.mul_(kBeta1).add_(gradient, 1 - kBeta1);
    second.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
    const double scale1 = 1 - std::pow(kBeta1, number), scale2 = 1 - std::pow(kBeta2, number);
    value.addcdiv_(first, (second / scale2).sqrt_().add_(kEpsilon), -rate / scale1);
  }
};

// Minibatches: the rows in random order, again and again.
class RowOrder {
 public:
  RowOrder(at::Tensor rows, int64_t batch, Rng rng)
      : rows_(std::move(rows)), batch_(batch), rng_(rng) {}

  at::Tensor next() {
    if (order_.empty() || place_ + batch_ > std::ssize(order_)) shuffle();
    const at::Tensor picked = at::from_blob(order_.data() + place_, {batch_}, at::kLong);
    place_ += batch_;
    return rows_.index_select(0, picked);
  }

 private:
  void shuffle() {
    order_.resize(static_cast<size_t>(rows_.size(0)));
    for (size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<int64_t>(i);
    rng_.shuffle(std::span(order_));
    place_ = 0;
  }

  at::Tensor rows_;
  int64_t batch_;
  Rng rng_;
  std::vector<int64_t> order_;
  int64_t place_ = 0;
};

class ProbeTrainer {
 public:
  ProbeTrainer(const ProbeRows& rows, const TrainedProbeOptions& options, const StopToken& stop)
      : rows_(rows), options_(options), stop_(stop), scale_(channel_scale(rows.features)) {}

  // On `chosen` [n] int64.
  TrainedProbe train(const at::Tensor& chosen, double rate, int32_t steps) const {
    const int64_t batch =
        std::clamp(chosen.size(0) / 8, std::min<int64_t>(16, chosen.size(0)), options_.batch);
    RowOrder order(chosen, batch, Rng(options_.seed).fork("trained probe"));
    const int64_t width = rows_.features.size(2);
    AdamState logits(at::zeros({rows_.features.size(0)})), bias(at::zeros({rows_.classes}));
    AdamState weight(at::zeros({width, rows_.classes}));
    for (int32_t step = 0; step < steps; ++step) {
      stop_.throw_if_interrupted("nothing of this score was saved");
      const at::Tensor picked = order.next();
      const ProbeGradients gradients = probe_gradients(
          rows_.features.index_select(1, picked).to(at::kFloat),
          rows_.labels.index_select(0, picked), {logits.value, weight.value, bias.value}, scale_);
      const double falling = rate * (1 - static_cast<double>(step) / steps);
      logits.step(gradients.of.layer_logits, falling, step + 1);
      weight.step(gradients.of.weight, falling, step + 1);
      bias.step(gradients.of.bias, falling, step + 1);
    }
    return of_raw_features({logits.value, weight.value, bias.value}, rate);
  }

  double hits(const TrainedProbe& probe, const at::Tensor& chosen) const {
    double right = 0;
    for (int64_t first = 0; first < chosen.size(0); first += kReadRows) {
      const at::Tensor picked =
          chosen.narrow(0, first, std::min(kReadRows, chosen.size(0) - first));
      const at::Tensor x = rows_.features.index_select(1, picked).to(at::kFloat);
      right +=
          probe.scores(x).argmax(1).eq(rows_.labels.index_select(0, picked)).sum().item<double>();
    }
    return right;
  }

 private:
  // (z - mean) / spread W + b = z (W / spread) + (b - mean W / spread)
  TrainedProbe of_raw_features(const ProbeParameters& trained, double rate) const {
    const at::Tensor weight = trained.weight / scale_.spread.unsqueeze(1);
    return {at::softmax(trained.layer_logits, 0), weight,
            trained.bias - scale_.mean.unsqueeze(0).mm(weight).squeeze(0), rate};
  }

  const ProbeRows& rows_;
  const TrainedProbeOptions& options_;
  const StopToken& stop_;
  ChannelScale scale_;
};

}  // namespace

at::Tensor TrainedProbe::scores(const at::Tensor& layers) const {
  return at::addmm(bias, weighted_sum(layer_weights, layers), weight);
}

ProbeGradients probe_gradients(const at::Tensor& layers, const at::Tensor& labels,
                               const ProbeParameters& parameters, const ChannelScale& scale) {
  const auto n = static_cast<double>(labels.size(0));
  const at::Tensor share = at::softmax(parameters.layer_logits, 0);
  const at::Tensor z = (weighted_sum(share, layers) - scale.mean) / scale.spread;
  const at::Tensor log_p = at::log_softmax(at::addmm(parameters.bias, z, parameters.weight), 1);
  const at::Tensor column = labels.unsqueeze(1);
  // Of the logits: (softmax - one-hot) / n.
  const at::Tensor error =
      log_p.exp().scatter_add_(1, column, at::full_like(column, -1, log_p.options())).div_(n);
  const at::Tensor of_sum = error.mm(parameters.weight.t()) / scale.spread;
  const at::Tensor of_share =
      layers.reshape({layers.size(0), -1}).mm(of_sum.reshape({-1, 1})).squeeze(1);
  return {-log_p.gather(1, column).mean().item<double>(),
          {share * (of_share - (share * of_share).sum()), z.t().mm(error), error.sum(0)}};
}

TrainedProbe fit_trained_probe(const ProbeRows& rows, const TrainedProbeOptions& options,
                               const StopToken& stop) {
  CONCERTINA_ASSERT(rows.features.size(1) > 0 && !options.rates.empty());
  const ProbeTrainer trainer(rows, options, stop);
  const at::Tensor held_out = rows.held_out.nonzero().squeeze(1);
  const at::Tensor others = rows.held_out.logical_not().nonzero().squeeze(1);
  double best = options.rates.front(), most = -1;
  if (held_out.size(0) > 0 && others.size(0) > 0 && options.rates.size() > 1) {
    for (const double rate : options.rates) {
      const double hits = trainer.hits(trainer.train(others, rate, options.search_steps), held_out);
      if (hits <= most) continue;
      most = hits;
      best = rate;
    }
  }
  return trainer.train(at::arange(rows.labels.size(0)), best, options.steps);
}

}  // namespace concertina
