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

class ProbeTrainer {
 public:
  ProbeTrainer(const ProbeRows& rows, const TrainedProbeOptions& options, const StopToken& stop)
      : rows_(rows),
        options_(options),
        stop_(stop),
        scale_(channel_scale(std::span(&rows.features, 1))) {}

  // On `chosen` [n] int64.
  TrainedProbe train(const at::Tensor& chosen, double rate, int32_t steps) const {
    const int64_t batch =
        std::clamp(chosen.size(0) / 8, std::min<int64_t>(16, chosen.size(0)), options_.batch);
    BatchOrder order(chosen.size(0), batch, Rng(options_.seed).fork("trained probe"));
    ProbeAdam adam(rows_.features.size(0), rows_.features.size(2), rows_.classes, rate, steps);
    for (int32_t step = 0; step < steps; ++step) {
      stop_.throw_if_interrupted("nothing of this score was saved");
      const std::span<const int64_t> places = order.next();
      const at::Tensor picked = chosen.index_select(
          0, at::from_blob(const_cast<int64_t*>(places.data()), {batch}, at::kLong));
      adam.step(probe_gradients(rows_.features.index_select(1, picked),
                                rows_.labels.index_select(0, picked), adam.parameters(), scale_)
                    .of);
    }
    return adam.probe(scale_);
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
  const ProbeRows& rows_;
  const TrainedProbeOptions& options_;
  const StopToken& stop_;
  ChannelScale scale_;
};

}  // namespace

ProbeGradients probe_gradients(const at::Tensor& layers, const at::Tensor& labels,
                               const ProbeParameters& parameters, const ChannelScale& scale) {
  const auto n = static_cast<double>(labels.size(0));
  const ProbeForward forward(layers, parameters, scale);
  const at::Tensor log_p = at::log_softmax(forward.logits, 1);
  const at::Tensor column = labels.unsqueeze(1);
  // Of the logits: (softmax - one-hot) / n.
  const at::Tensor error =
      log_p.exp().scatter_add_(1, column, at::full_like(column, -1, log_p.options())).div_(n);
  return {-log_p.gather(1, column).mean().item<double>(),
          forward.gradients(error, layers, parameters, scale)};
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
