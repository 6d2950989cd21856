// Noise on the waveform that moves a frozen encoder's features as far as possible, and noise that
// does not try (Wu et al. 2022, "Characterizing the adversarial vulnerability of speech
// self-supervised learning": BIM on the upstream alone, without knowledge of the task).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "eval/tasks.h"
#include "supernet/model/supernet.h"

namespace concertina {

struct AttackOptions {
  double noise_to_signal = 0.01;  // ||noise|| / ||clip||: 0.01 is a signal-to-noise ratio of 40 dB
  int32_t steps = 10;
  uint64_t seed = 0;  // of the Gaussian noise and of the first step
};

// A clip with noise, of the same length. Depends on the samples and the options alone. Thread-safe.
using Perturbation = std::function<std::vector<float>(const std::vector<float>& clip)>;

// The basic iterative method (Kurakin et al. 2017) on z, the mean of all hidden states of `source`:
//   d <- clip(d + a sign(grad_d ||z(x + d) - z(x)||), -e, e),  e = noise_to_signal rms(x), a = 2 e / steps,
// from uniform signs of e / 1000, for the gradient of a norm is not defined at 0; then d is scaled to
// the noise-to-signal ratio. Clips that are longer than the model's positions are attacked in parts.
// fp32; the gradient goes through the whole forward pass.
Perturbation bim_attack(Subnet source, const AttackOptions& options);
// White noise of the same norm.
Perturbation gaussian_noise(const AttackOptions& options);
// Keeps what it gives, by the clip's samples: models that share a source hear the same noise.
Perturbation remembered(Perturbation perturbation);

// Features of clips with noise, and how far these move them. Thread-safe as `features` is.
class PerturbedFeatures {
 public:
  PerturbedFeatures(FeatureExtractor features, Perturbation noise);
  // Of the clips with noise. Refers to this object.
  FeatureExtractor extractor();
  // Embedding deviation rate: the mean over the clips so far of ||z~ - z|| / ||z||, z over frames.
  double deviation_rate() const;

 private:
  FeatureExtractor features_;
  Perturbation noise_;
  double sum_ = 0;
  int64_t clips_ = 0;
};

}  // namespace concertina
