#include "eval/ctc_probe.h"

#include <numeric>

namespace concertina {
namespace {

ClipLoss ctc_loss(const std::vector<int64_t>& symbols, const at::Tensor& logits) {
  const at::Tensor log_p = at::log_softmax(logits, 1).contiguous();
  CtcPosteriors posteriors = ctc_posteriors(
      {log_p.const_data_ptr<float>(), static_cast<size_t>(log_p.numel())}, log_p.size(1), symbols);
  if (posteriors.shares.empty()) return {};
  const at::Tensor shares = at::from_blob(posteriors.shares.data(), log_p.sizes());
  const double scale = 1 / static_cast<double>(symbols.size());
  return {scale * posteriors.loss, log_p.exp().sub_(shares).mul_(scale)};
}

ClipLossFunction ctc_loss_of(std::span<const CtcClip> clips) {
  return [clips](size_t clip, const at::Tensor& logits) {
    return ctc_loss(clips[clip].symbols, logits);
  };
}

std::vector<ProbeClip> frames_of_all(std::span<const CtcClip> clips) {
  std::vector<ProbeClip> frames;
  for (const CtcClip& clip : clips) frames.push_back(clip.frames);
  return frames;
}

}  // namespace

TrainedProbe fit_ctc_probe(std::span<const CtcClip> clips, int64_t classes,
                           const ClipProbeOptions& options, const StopToken& stop) {
  return fit_clip_probe(frames_of_all(clips), classes, ctc_loss_of(clips), options, stop);
}

ProbeGradients ctc_gradients(std::span<const CtcClip> clips, const ProbeParameters& parameters,
                             const ChannelScale& scale) {
  std::vector<int64_t> all(clips.size());
  std::iota(all.begin(), all.end(), int64_t{0});
  return clip_gradients(frames_of_all(clips), all, ctc_loss_of(clips), parameters, scale);
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
