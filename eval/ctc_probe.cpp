#include "eval/ctc_probe.h"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>
#include <utility>

#include "core/errors.h"

namespace concertina {
namespace {

// Clips behind one another, and what CTC needs to tell them apart.
struct CtcBatch {
  at::Tensor rows;  // [L, sum of T, D] float
  std::vector<int64_t> frames, symbol_counts, symbols;

  explicit CtcBatch(std::span<const CtcClip* const> clips) {
    std::vector<at::Tensor> parts;
    for (const CtcClip* clip : clips) {
      parts.push_back(clip->features.to(at::kFloat));
      frames.push_back(clip->features.size(1));
      symbol_counts.push_back(std::ssize(clip->symbols));
      symbols.insert(symbols.end(), clip->symbols.begin(), clip->symbols.end());
    }
    rows = at::cat(parts, 1);
  }

  // [sum of T, C] -> [longest T, clips, C], filled with 0.
  at::Tensor padded(const at::Tensor& of_rows) const {
    const at::Tensor result = at::zeros(
        {std::ranges::max(frames), std::ssize(frames), of_rows.size(1)}, of_rows.options());
    for_each_clip([&](int64_t clip, int64_t first, int64_t count) {
      result.select(1, clip).narrow(0, 0, count).copy_(of_rows.narrow(0, first, count));
    });
    return result;
  }
  at::Tensor unpadded(const at::Tensor& of_clips) const {
    const at::Tensor result = at::empty({rows.size(1), of_clips.size(2)}, of_clips.options());
    for_each_clip([&](int64_t clip, int64_t first, int64_t count) {
      result.narrow(0, first, count).copy_(of_clips.select(1, clip).narrow(0, 0, count));
    });
    return result;
  }

 private:
  template <class F>
  void for_each_clip(const F& f) const {
    int64_t first = 0;
    for (size_t i = 0; i < frames.size(); ++i) {
      f(static_cast<int64_t>(i), first, frames[i]);
      first += frames[i];
    }
  }
};

struct CtcLoss {
  CtcBatch batch;
  ProbeForward forward;
  at::Tensor log_p, targets, of_clips, log_alpha, share;  // share: what a clip's loss counts

  CtcLoss(std::span<const CtcClip* const> clips, const ProbeParameters& parameters,
          const ChannelScale& scale)
      : batch(clips),
        forward(batch.rows, parameters, scale),
        log_p(batch.padded(at::log_softmax(forward.logits, 1))),
        targets(at::tensor(batch.symbols, at::kLong)) {
    std::tie(of_clips, log_alpha) =
        at::_ctc_loss(log_p, targets, batch.frames, batch.symbol_counts, kBlank, true);
    share = at::tensor(batch.symbol_counts, at::kFloat)
                .reciprocal_()
                .div_(static_cast<double>(clips.size()));
  }

  double value() const {  // an impossible clip's loss is infinite
    return at::where(at::isfinite(of_clips), of_clips * share, 0.0).sum().item<double>();
  }
  // LibTorch's gradient of log_p is that of the logits: each row sums to 0.
  at::Tensor of_logits() const {
    return batch.unpadded(at::_ctc_loss_backward(share, log_p, targets, batch.frames,
                                                 batch.symbol_counts, of_clips, log_alpha, kBlank,
                                                 true));
  }
};

using ClipPointers = std::vector<const CtcClip*>;

class CtcTrainer {
 public:
  CtcTrainer(std::span<const CtcClip> clips, int64_t classes, const CtcProbeOptions& options,
             const StopToken& stop)
      : options_(options), stop_(stop), classes_(classes) {
    std::vector<at::Tensor> features;
    for (const CtcClip& clip : clips) features.push_back(clip.features);
    scale_ = channel_scale(features);
  }

  ProbeAdam train(const ClipPointers& clips, double rate, int32_t steps) const {
    const auto count = std::ssize(clips);
    BatchOrder order(count, std::min(count, options_.batch), Rng(options_.seed).fork("ctc probe"));
    const at::Tensor& first = clips.front()->features;
    ProbeAdam adam(first.size(0), first.size(2), classes_, rate, steps);
    for (int32_t step = 0; step < steps; ++step) {
      stop_.throw_if_interrupted("nothing of this score was saved");
      ClipPointers picked;
      for (const int64_t place : order.next()) picked.push_back(clips[static_cast<size_t>(place)]);
      adam.step(ctc_gradients(picked, adam.parameters(), scale_).of);
    }
    return adam;
  }

  double loss(const ProbeParameters& parameters, const ClipPointers& clips) const {
    double sum = 0;
    for (const CtcClip* clip : clips) sum += CtcLoss(std::array{clip}, parameters, scale_).value();
    return sum;
  }

  double best_rate(const ClipPointers& held_out, const ClipPointers& others) const {
    if (held_out.empty() || others.empty()) return options_.rates.front();
    double best = options_.rates.front(), least = std::numeric_limits<double>::infinity();
    for (const double rate : options_.rates) {
      const double value = loss(train(others, rate, options_.search_steps).parameters(), held_out);
      if (!(value < least)) continue;
      least = value;
      best = rate;
    }
    return best;
  }

  const ChannelScale& scale() const { return scale_; }

 private:
  const CtcProbeOptions& options_;
  const StopToken& stop_;
  int64_t classes_;
  ChannelScale scale_;
};

}  // namespace

ProbeGradients ctc_gradients(std::span<const CtcClip* const> clips,
                             const ProbeParameters& parameters, const ChannelScale& scale) {
  const CtcLoss loss(clips, parameters, scale);
  return {loss.value(),
          loss.forward.gradients(loss.of_logits(), loss.batch.rows, parameters, scale)};
}

TrainedProbe fit_ctc_probe(std::span<const CtcClip> clips, int64_t classes,
                           const CtcProbeOptions& options, const StopToken& stop) {
  CONCERTINA_ASSERT(!clips.empty() && !options.rates.empty());
  const CtcTrainer trainer(clips, classes, options, stop);
  ClipPointers all, held_out, others;
  for (const CtcClip& clip : clips) {
    all.push_back(&clip);
    if (!clip.held_out) {
      others.push_back(&clip);
    } else if (std::ssize(held_out) < options.search_clips) {
      held_out.push_back(&clip);
    }
  }
  const double rate = trainer.best_rate(held_out, others);
  return trainer.train(all, rate, options.steps).probe(trainer.scale());
}

std::vector<int64_t> ctc_decode(const at::Tensor& scores) {
  const at::Tensor best = scores.argmax(1).contiguous();
  const std::span frames(best.const_data_ptr<int64_t>(), static_cast<size_t>(best.numel()));
  std::vector<int64_t> symbols;
  for (size_t t = 0; t < frames.size(); ++t) {
    if (frames[t] != kBlank && (t == 0 || frames[t] != frames[t - 1])) symbols.push_back(frames[t]);
  }
  return symbols;
}

}  // namespace concertina
