// Inside eval: the trained probe (eval/probe_training.h) of losses that need whole clips: sequences
// through CTC, who of two speaks when. Deterministic for a seed.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/stop.h"
#include "eval/probe_training.h"

namespace concertina {

struct ClipProbeOptions {
  int32_t steps = 800;                             // of the final training
  int64_t batch = 8;                               // clips of a step
  std::vector<double> rates = {3e-2, 1e-2, 3e-3};  // learning rates that are tried
  int32_t search_steps = 150;                      // of each of them
  // Of the final training over the clips, at most: few clips have fewer steps, and as much fewer
  // search steps.
  int64_t passes = 256;
  int64_t search_clips = 48;  // held-out clips that choose one, at most
  uint64_t seed = 0;          // of the order of clips
};

struct ProbeClip {
  at::Tensor features;    // [L, T, D] float or half
  bool held_out = false;  // chooses the learning rate, and is trained on after it
};

struct ClipLoss {
  double value = 0;
  at::Tensor of_logits;  // [T, C] float, its gradient; undefined: the clip counts nothing
};

// Of a clip, by its index, whose logits are [T, C] float, contiguous. Called in several threads.
using ClipLossFunction = std::function<ClipLoss(size_t clip, const at::Tensor& logits)>;

// Those of a probe trained on `clips`: 3 clips or 30 of 8 a step have 256 and 800.
struct ClipProbeSteps {
  int32_t search = 0, final = 0;
};
ClipProbeSteps clip_probe_steps(int64_t clips, const ClipProbeOptions& options);

// Adam without weight decay, from zero weights, the rate falling linearly to 0. The learning rate is the
// one with the least loss on held-out clips after the search steps without them; the first where none is held
// out or none is left. At least one clip. Interrupted when a stop was asked for.
TrainedProbe fit_clip_probe(std::span<const ProbeClip> clips, int64_t classes,
                            const ClipLossFunction& loss, const ClipProbeOptions& options,
                            const StopToken& stop = {});

// Of the clips of one step, by their indices: the mean of their losses, and its gradients.
ProbeGradients clip_gradients(std::span<const ProbeClip> clips, std::span<const int64_t> picked,
                              const ClipLossFunction& loss, const ProbeParameters& parameters,
                              const ChannelScale& scale);

}  // namespace concertina
