#include "eval/clip_probe.h"

#include <algorithm>
#include <limits>

#include "core/errors.h"

namespace concertina {
namespace {

using ClipIndices = std::vector<int64_t>;

const ProbeClip& probe_clip_at(std::span<const ProbeClip> clips, int64_t index) {
  return clips[static_cast<size_t>(index)];
}

class ClipTrainer {
 public:
  ClipTrainer(std::span<const ProbeClip> clips, int64_t classes, const ClipLossFunction& loss,
              const ClipProbeOptions& options, const StopToken& stop)
      : clips_(clips), loss_(loss), options_(options), stop_(stop), classes_(classes) {
    std::vector<at::Tensor> features;
    for (const ProbeClip& clip : clips) features.push_back(clip.features);
    scale_ = channel_scale(features);
  }

  ProbeAdam train(const ClipIndices& chosen, double rate, int32_t steps) const {
    const auto count = std::ssize(chosen);
    BatchOrder order(count, std::min(count, options_.batch), Rng(options_.seed).fork("ctc probe"));
    const at::Tensor& first = clips_.front().features;
    ProbeAdam adam(first.size(0), first.size(2), classes_, rate, steps);
    for (int32_t step = 0; step < steps; ++step) {
      stop_.throw_if_interrupted("nothing of this score was saved");
      ClipIndices picked;
      for (const int64_t place : order.next()) picked.push_back(chosen[static_cast<size_t>(place)]);
      adam.step(clip_gradients(clips_, picked, loss_, adam.parameters(), scale_).of);
    }
    return adam;
  }

  double best_rate(const ClipIndices& held_out, const ClipIndices& others) const {
    if (held_out.empty() || others.empty()) return options_.rates.front();
    double best = options_.rates.front(), least = std::numeric_limits<double>::infinity();
    for (const double rate : options_.rates) {
      const double value =
          held_out_loss(train(others, rate, options_.search_steps).parameters(), held_out);
      if (!(value < least)) continue;
      least = value;
      best = rate;
    }
    return best;
  }

  const ChannelScale& scale() const { return scale_; }

 private:
  double held_out_loss(const ProbeParameters& parameters, const ClipIndices& held_out) const {
    double sum = 0;
    for (const int64_t index : held_out) {
      const ProbeForward forward(probe_clip_at(clips_, index).features.to(at::kFloat), parameters,
                                 scale_);
      sum += loss_(static_cast<size_t>(index), forward.logits).value;
    }
    return sum;
  }

  std::span<const ProbeClip> clips_;
  const ClipLossFunction& loss_;
  const ClipProbeOptions& options_;
  const StopToken& stop_;
  int64_t classes_;
  ChannelScale scale_;
};

}  // namespace

ProbeGradients clip_gradients(std::span<const ProbeClip> clips, std::span<const int64_t> picked,
                              const ClipLossFunction& loss, const ProbeParameters& parameters,
                              const ChannelScale& scale) {
  std::vector<at::Tensor> parts;
  for (const int64_t index : picked)
    parts.push_back(probe_clip_at(clips, index).features.to(at::kFloat));
  const at::Tensor frames = at::cat(parts, 1);
  const ProbeForward forward(frames, parameters, scale);
  const at::Tensor of_logits = at::zeros_like(forward.logits);
  const double share = 1 / static_cast<double>(picked.size());
  double value = 0;
  int64_t first = 0;
  for (size_t i = 0; i < picked.size(); ++i) {
    const int64_t count = parts[i].size(1);
    const ClipLoss of_clip =
        loss(static_cast<size_t>(picked[i]), forward.logits.narrow(0, first, count));
    if (of_clip.of_logits.defined()) {
      value += share * of_clip.value;
      of_logits.narrow(0, first, count).add_(of_clip.of_logits, share);
    }
    first += count;
  }
  return {value, forward.gradients(of_logits, frames, parameters, scale)};
}

TrainedProbe fit_clip_probe(std::span<const ProbeClip> clips, int64_t classes,
                            const ClipLossFunction& loss, const ClipProbeOptions& options,
                            const StopToken& stop) {
  CONCERTINA_ASSERT(!clips.empty() && !options.rates.empty());
  const ClipTrainer trainer(clips, classes, loss, options, stop);
  ClipIndices all, held_out, others;
  for (size_t i = 0; i < clips.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    all.push_back(index);
    if (!clips[i].held_out) {
      others.push_back(index);
    } else if (std::ssize(held_out) < options.search_clips) {
      held_out.push_back(index);
    }
  }
  const double rate = trainer.best_rate(held_out, others);
  return trainer.train(all, rate, options.steps).probe(trainer.scale());
}

}  // namespace concertina
