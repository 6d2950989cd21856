// A minibatch of clips as the forward pass takes it.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <span>
#include <vector>

#include "supernet/nn/front_end.h"
#include "supernet/space/blueprint.h"

namespace concertina {

struct SpeechBatch {
  at::Tensor waveform;  // [B, N] float, 16 kHz, in [-1, 1]; padding is zero
  at::Tensor lengths;   // [B] int64 on the CPU: valid samples
  at::Tensor mask;      // [B, T] bool, base frames replaced by mask_emb; undefined: none
  Padding padding = Padding::kExact;
  // The frames that mask and padding leave (exact padding only), on the waveform's device: the
  // front end skips the others where it can. Unset: it computes all.
  std::optional<VisibleFrames> visible;
};

// Pads to the longest.
SpeechBatch make_batch(std::span<const std::vector<float>> clips, at::Device device = at::kCPU);
SpeechBatch make_batch(const at::Tensor& waveform);  // [B, N], all samples valid

// The value of `visible` for a batch on the CPU; with `every_frame` masked frames are kept too.
std::optional<VisibleFrames> visible_frames(const Blueprint& blueprint, const SpeechBatch& batch,
                                            bool every_frame = false);

// Calls visit(tensor) on every defined tensor that moves to the device with the batch: all but the
// lengths.
template <class Visit>
void for_each_device_tensor(SpeechBatch& batch, const Visit& visit) {
  for (at::Tensor* tensor : {&batch.waveform, &batch.mask}) {
    if (tensor->defined()) visit(*tensor);
  }
  if (!batch.visible) return;
  for (at::Tensor* tensor : {&batch.visible->blocks, &batch.visible->picks, &batch.visible->frames})
    visit(*tensor);
}
SpeechBatch to_device(SpeechBatch batch, at::Device device);

}  // namespace concertina
