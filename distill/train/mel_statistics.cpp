#include "distill/train/mel_statistics.h"

#include "supernet/nn/mel.h"

namespace concertina {
namespace {

constexpr double kMelSeconds = 900;  // of audio

}  // namespace

void set_mel_statistics(TensorMap& weights, const Blueprint& blueprint, const BatchSource& crops) {
  if (blueprint.front_end != FrontEndKind::kLogMel) return;
  const MelOptions options = mel_options(blueprint);
  at::Tensor sum = at::zeros({options.bins}, at::kDouble), squares = at::zeros_like(sum);
  double seconds = 0, frames = 0;
  for (int64_t step = 0; seconds < kMelSeconds; ++step) {
    const TrainingBatch batch = crops.at(step);
    const at::Tensor mel = log_mel(batch.speech.waveform, options).flatten(0, 1).to(at::kDouble);
    sum += mel.sum(0);
    squares += mel.square().sum(0);
    frames += static_cast<double>(mel.size(0));
    seconds += batch.seconds;
  }
  const at::Tensor mean = sum / frames;
  const at::Tensor deviation = (squares / frames - mean.square()).clamp_min(1e-6).sqrt();
  weights.at(tensor_name(TensorModule::kMelMean)) = mean.to(at::kFloat);
  weights.at(tensor_name(TensorModule::kMelStd)) = deviation.to(at::kFloat);
}

}  // namespace concertina
