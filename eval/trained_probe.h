// SUPERB's probe, trained by gradients: a softmax-weighted sum of a frozen encoder's layers and a linear
// head, with cross-entropy (Yang et al. 2021; s3prl's Featurizer). Rows are frames, or clips that were
// averaged over time: the mean of a linear head's input is the head's mean, so both are one problem.
// Deterministic for a seed and a number of threads.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "core/stop.h"
#include "eval/probe_training.h"

namespace concertina {

struct TrainedProbeOptions {
  int32_t steps = 1000;  // of the final training
  int64_t batch = 1024;  // rows of a step; at most an eighth of the rows, and at least 16
  std::vector<double> rates = {3e-2, 1e-2, 3e-3};  // learning rates that are tried
  int32_t search_steps = 150;                      // of each of them
  uint64_t seed = 0;                               // of the order of rows
};

struct ProbeRows {
  at::Tensor features;  // [L, N, D] float or half
  at::Tensor labels;    // [N] int64 in [0, classes)
  at::Tensor held_out;  // [N] bool: choose the learning rate, and are trained on after it
  int64_t classes = 0;
};

// Adam without weight decay, from zero weights, the rate falling linearly to 0. The learning rate is the
// one with most hits on held-out rows after search_steps without them; the first where none is held out or
// none is left. Interrupted when a stop was asked for.
TrainedProbe fit_trained_probe(const ProbeRows& rows, const TrainedProbeOptions& options,
                               const StopToken& stop = {});

// For rows [L, n, D] float or half with labels [n]; the loss is their mean cross-entropy.
ProbeGradients probe_gradients(const at::Tensor& layers, const at::Tensor& labels,
                               const ProbeParameters& parameters, const ChannelScale& scale);

}  // namespace concertina
