// Exponential moving average (EMA) of the weights in training (Polyak & Juditsky 1992).
//
// After each optimiser step, elements w that a slice of the step reached, with n updates so far:
//
//   average += (1 - min(decay, (1 + n) / (10 + n))) (w - average)
//
// The others keep their average, as AdamW keeps their moments: the average of an element is over its own
// updates, and one that no slice has reached is equal in weights and average. The ramp (that of
// TensorFlow's ExponentialMovingAverage) lets the initial weights decay within tens of updates.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "supernet/model/parameters.h"

namespace concertina {

// Not thread-safe. On the CPU the result does not depend on the number of threads.
class WeightAverage {
 public:
  WeightAverage(const Parameters& parameters, double decay);  // starts as the parameters

  // After an optimiser step with these gradients; `updates`: [numel] int16, AdamW's, this step
  // included. Nothing changes where `scale` (0-d fp64) is not finite, as in AdamW::step.
  void step(const Parameters& parameters, const Gradients& gradients, const at::Tensor& updates,
            const at::Tensor& scale);
  // Swaps the values of the parameters and of the average.
  void exchange(const Parameters& parameters);

  const at::Tensor& flat() const { return flat_; }  // [numel] fp32
  // Views of the average in the shapes of the parameters, by name.
  TensorMap views(const Parameters& parameters) const;

 private:
  void step_cpu(const Parameters& parameters, const Gradients& gradients,
                const at::Tensor& updates);
  void step_device(const Parameters& parameters, const Gradients& gradients,
                   const at::Tensor& updates, const at::Tensor& scale);

  std::vector<float> rates_;  // 1 - decay, by number of updates
  at::Tensor flat_;
  at::Tensor device_rates_;  // [kMaxUpdates + 1]; undefined on the CPU
};

// While it lives, the parameters hold the average and the average holds the weights. Null: nothing
// is exchanged. Both must outlive it.
class ExchangedWeights {
 public:
  ExchangedWeights(const Parameters& parameters, WeightAverage* average);
  ~ExchangedWeights();
  ExchangedWeights(const ExchangedWeights&) = delete;
  ExchangedWeights& operator=(const ExchangedWeights&) = delete;

 private:
  const Parameters& parameters_;
  WeightAverage* average_;
};

}  // namespace concertina
