#include "supernet/model/speech_batch.h"

#include <algorithm>

#include "supernet/nn/ops.h"

namespace concertina {

SpeechBatch make_batch(std::span<const std::vector<float>> clips, at::Device device) {
  size_t longest = 0;
  for (const auto& clip : clips) longest = std::max(longest, clip.size());
  SpeechBatch batch;
  batch.waveform = at::zeros({static_cast<int64_t>(clips.size()), static_cast<int64_t>(longest)});
  batch.lengths = at::empty({static_cast<int64_t>(clips.size())}, at::kLong);
  for (size_t b = 0; b < clips.size(); ++b) {
    std::copy(clips[b].begin(), clips[b].end(), batch.waveform.data_ptr<float>() + b * longest);
    batch.lengths.data_ptr<int64_t>()[b] = static_cast<int64_t>(clips[b].size());
  }
  batch.waveform = to_device(batch.waveform, device);
  return batch;
}

SpeechBatch make_batch(const at::Tensor& waveform) {
  return {waveform, at::full({waveform.size(0)}, waveform.size(1), at::kLong), {}};
}

std::optional<VisibleFrames> visible_frames(const Blueprint& blueprint, const SpeechBatch& batch,
                                            bool every_frame) {
  return visible_frames(blueprint, batch.lengths, batch.waveform.size(1),
                        every_frame ? at::Tensor() : batch.mask);
}

SpeechBatch to_device(SpeechBatch batch, at::Device device) {
  for_each_device_tensor(batch, [&](at::Tensor& tensor) { tensor = to_device(tensor, device); });
  return batch;
}

}  // namespace concertina
