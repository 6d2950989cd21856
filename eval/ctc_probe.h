// SUPERB's probe for phone and character recognition: a softmax-weighted sum of a frozen encoder's
// layers and a linear head on each frame, trained with connectionist temporal classification
// (eval/clip_probe.h, eval/ctc_loss.h).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/stop.h"
#include "eval/clip_probe.h"
#include "eval/ctc_loss.h"

namespace concertina {

struct CtcClip {
  ProbeClip frames;
  std::vector<int64_t> symbols;  // at least one
};

// As fit_clip_probe, with the loss of a clip over its symbols, as torch.nn.CTCLoss with zero_infinity
// gives it (clips with fewer frames than their symbols need count 0). `classes` counts the blank.
TrainedProbe fit_ctc_probe(std::span<const CtcClip> clips, int64_t classes,
                           const ClipProbeOptions& options, const StopToken& stop = {});

// Of all these clips, as one step has it: the mean of their losses, and its gradients.
ProbeGradients ctc_gradients(std::span<const CtcClip> clips, const ProbeParameters& parameters,
                             const ChannelScale& scale);

// Greedy decoding of scores [T, classes]: the best class of each frame, repeats as one, no blanks.
std::vector<int64_t> ctc_decode(const at::Tensor& scores);

}  // namespace concertina
