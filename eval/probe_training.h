// Inside eval: what probes that are trained by gradients share: the weighted sum of layers, the linear
// head, Adam and the order of minibatches. Gradients are written out, so that they run in inference
// mode.
//
//   z = sum_l softmax(a)_l x_l,   logits = W (z - mean) / spread + b
//
// The mean and the spread of a channel are the same for all layers, which changes the head's parameters
// and not what it can express: the weights of the layers sum to 1.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/rng.h"

namespace concertina {

struct TrainedProbe {
  at::Tensor layer_weights;                           // [L] float, sum 1
  at::Tensor weight;                                  // [D, C] float, of raw features
  at::Tensor bias;                                    // [C] float
  double rate = 0;                                    // learning rate
  int32_t steps = 0;                                  // of the final training
  at::Tensor scores(const at::Tensor& layers) const;  // [L, n, D] float -> [n, C]
};

// "weighted sum of 7 layers, most of layer 3 (0.41); Adam, 1000 steps, rate 0.01 chosen on a fold of train"
std::string probe_setting(const TrainedProbe& probe);

// What is trained: (z - mean) / spread is what the head reads.
struct ProbeParameters {
  at::Tensor layer_logits;  // [L]
  at::Tensor weight, bias;  // [D, C], [C]
};
struct ChannelScale {
  at::Tensor mean, spread;  // [D]
};
struct ProbeGradients {
  double loss = 0;
  ProbeParameters of;
};

// Over all layers and rows of features, [L, n, D] float or half each.
ChannelScale channel_scale(std::span<const at::Tensor> features);

struct ProbeForward {
  at::Tensor share;   // [L]
  at::Tensor z;       // [n, D], standardised
  at::Tensor logits;  // [n, C]
  ProbeForward(const at::Tensor& layers, const ProbeParameters& parameters,
               const ChannelScale& scale);  // layers [L, n, D] float or half
  // From those of the logits [n, C].
  ProbeParameters gradients(const at::Tensor& of_logits, const at::Tensor& layers,
                            const ProbeParameters& parameters, const ChannelScale& scale) const;
};

// Adam (Kingma & Ba 2015) without weight decay, from zero weights, the rate falling linearly to 0.
class ProbeAdam {
 public:
  ProbeAdam(int64_t layers, int64_t width, int64_t classes, double rate, int32_t steps);
  const ProbeParameters& parameters() const { return value_; }
  void step(const ProbeParameters& gradients);  // `steps` times at most
  TrainedProbe probe(const ChannelScale& scale) const;

 private:
  ProbeParameters value_, first_, second_;
  double rate_;
  int32_t steps_, done_ = 0;
};

// Numbers 0 to n - 1 in random order, again and again, in batches of at most n.
class BatchOrder {
 public:
  BatchOrder(int64_t n, int64_t batch, Rng rng) : n_(n), batch_(batch), rng_(rng) {}
  std::span<const int64_t> next();  // until the next call

 private:
  int64_t n_, batch_;
  Rng rng_;
  std::vector<int64_t> order_;
  int64_t place_ = 0;
};

}  // namespace concertina
