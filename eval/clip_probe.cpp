#include "eval/clip_probe.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "core/errors.h"
#include "supernet/nn/one_thread_each.h"

namespace concertina {
namespace {

using ClipIndices = std::vector<int64_t>;

// `clip`: its index, for the loss. Zeros where the loss does not count it.
ProbeGradients of_one_clip(const at::Tensor& features, size_t clip, const ClipLossFunction& loss,
                           const ProbeParameters& parameters, const ChannelScale& scale) {
  const ProbeForward forward(features, parameters, scale);
  const ClipLoss of_clip = loss(clip, forward.logits);
  if (!of_clip.of_logits.defined())
    return {0, forward.gradients(at::zeros_like(forward.logits), features, parameters, scale)};
  return {of_clip.value, forward.gradients(of_clip.of_logits, features, parameters, scale)};
}

class ClipTrainer {
 public:
  ClipTrainer(std::span<const ProbeClip> clips, int64_t classes, const ClipLossFunction& loss,
              const ClipProbeOptions& options, const StopToken& stop)
      : clips_(clips),
        loss_(loss),
        options_(options),
        stop_(stop),
        classes_(classes),
        steps_(clip_probe_steps(std::ssize(clips), options)) {
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
      const double value = held_out_loss(train(others, rate, steps_.search).parameters(), held_out);
      if (!(value < least)) continue;
      least = value;
      best = rate;
    }
    return best;
  }

  TrainedProbe train_on_all(double rate) const {
    ClipIndices all(clips_.size());
    std::iota(all.begin(), all.end(), int64_t{0});
    return train(all, rate, steps_.final).probe(scale_);
  }

 private:
  double held_out_loss(const ProbeParameters& parameters, const ClipIndices& held_out) const {
    std::vector<double> losses(held_out.size());
    one_thread_each(losses.size(), [&](size_t i) {
      const c10::InferenceMode guard;
      const auto clip = static_cast<size_t>(held_out[i]);
      const ProbeForward forward(clips_[clip].features, parameters, scale_);
      losses[i] = loss_(clip, forward.logits).value;
    });
    return std::accumulate(losses.begin(), losses.end(), 0.0);
  }

  std::span<const ProbeClip> clips_;
  const ClipLossFunction& loss_;
  const ClipProbeOptions& options_;
  const StopToken& stop_;
  int64_t classes_;
  ClipProbeSteps steps_;
  ChannelScale scale_;
};

}  // namespace

ClipProbeSteps clip_probe_steps(int64_t clips, const ClipProbeOptions& options) {
  const int64_t most = options.passes * clips / std::min(clips, options.batch);
  if (most >= options.steps) return {options.search_steps, options.steps};
  const int64_t search = options.search_steps * most / options.steps;
  return {static_cast<int32_t>(std::max<int64_t>(1, search)), static_cast<int32_t>(most)};
}

ProbeGradients clip_gradients(std::span<const ProbeClip> clips, std::span<const int64_t> picked,
                              const ClipLossFunction& loss, const ProbeParameters& parameters,
                              const ChannelScale& scale) {
  std::vector<ProbeGradients> parts(picked.size());
  one_thread_each(parts.size(), [&](size_t i) {
    const c10::InferenceMode guard;
    const auto clip = static_cast<size_t>(picked[i]);
    parts[i] = of_one_clip(clips[clip].features, clip, loss, parameters, scale);
  });
  ProbeGradients sum = std::move(parts.front());
  for (size_t i = 1; i < parts.size(); ++i) {
    sum.loss += parts[i].loss;
    for (const auto member :
         {&ProbeParameters::layer_logits, &ProbeParameters::weight, &ProbeParameters::bias})
      sum.of.*member = sum.of.*member + parts[i].of.*member;
  }
  const auto count = static_cast<double>(picked.size());
  return {sum.loss / count,
          {sum.of.layer_logits / count, sum.of.weight / count, sum.of.bias / count}};
}

TrainedProbe fit_clip_probe(std::span<const ProbeClip> clips, int64_t classes,
                            const ClipLossFunction& loss, const ClipProbeOptions& options,
                            const StopToken& stop) {
  CONCERTINA_ASSERT(!clips.empty() && !options.rates.empty());
  const ClipTrainer trainer(clips, classes, loss, options, stop);
  ClipIndices held_out, others;
  for (size_t i = 0; i < clips.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    if (!clips[i].held_out) {
      others.push_back(index);
    } else if (std::ssize(held_out) < options.search_clips) {
      held_out.push_back(index);
    }
  }
  return trainer.train_on_all(trainer.best_rate(held_out, others));
}

}  // namespace concertina
