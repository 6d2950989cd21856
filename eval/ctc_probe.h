// SUPERB's probe for phone and character recognition: a softmax-weighted sum of a frozen encoder's
// layers and a linear head on each frame (eval/probe_training.h), trained with connectionist temporal
// classification (Graves et al. 2006). Deterministic for a seed and a number of threads.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/stop.h"
#include "eval/probe_training.h"

namespace concertina {

inline constexpr int64_t kBlank = 0;  // the class of no symbol; symbols are classes 1, 2, ...

struct CtcProbeOptions {
  int32_t steps = 800;                             // of the final training
  int64_t batch = 8;                               // clips of a step
  std::vector<double> rates = {3e-2, 1e-2, 3e-3};  // learning rates that are tried
  int32_t search_steps = 150;                      // of each of them
  int64_t search_clips = 48;                       // held-out clips that choose one, at most
  uint64_t seed = 0;                               // of the order of clips
};

struct CtcClip {
  at::Tensor features;           // [L, T, D] float or half
  std::vector<int64_t> symbols;  // at least one
  bool held_out = false;         // chooses the learning rate, and is trained on after it
};

// Adam without weight decay, from zero weights, the rate falling linearly to 0. `classes` counts the
// blank. The learning rate is the one with the least loss on held-out clips after search_steps without
// them; the first where none is held out or none is left. At least one clip. Interrupted when a stop
// was asked for.
TrainedProbe fit_ctc_probe(std::span<const CtcClip> clips, int64_t classes,
                           const CtcProbeOptions& options, const StopToken& stop = {});

// Of the clips of one step: the mean over clips of loss / symbols, as torch.nn.CTCLoss with zero_infinity
// gives it (clips with fewer frames than their symbols need count 0), and its gradients.
ProbeGradients ctc_gradients(std::span<const CtcClip* const> clips,
                             const ProbeParameters& parameters, const ChannelScale& scale);

// Greedy decoding of scores [T, classes]: the best class of each frame, repeats as one, no blanks.
std::vector<int64_t> ctc_decode(const at::Tensor& scores);

}  // namespace concertina
