// Masked unit prediction: HuBERT's loss with one linear prediction head per layer, at intermediate
// layers too (ILS-SSL), and optionally on the frames that were not masked. CE(masked) +
// unmasked_weight * CE(unmasked), mean over the layers.
#pragma once

#include "distill/objective/objective.h"

namespace concertina {

struct MaskedUnitsSpec {
  std::vector<int32_t> layers;  // 1-based kept layers; the last one is always among them
  int32_t depth = 0;            // of the model
  int32_t clusters = 200;
  int32_t model_dim = 0;         // of the supernet's largest architecture
  double unmasked_weight = 1.0;  // HuBERT: 0
};

class MaskedUnitsObjective : public Objective {
 public:
  explicit MaskedUnitsObjective(
      MaskedUnitsSpec spec);  // InputError when the model has no such layer

  std::vector<Parameters::Init> parameters(const Rng& rng) const override;  // Xavier-uniform
  std::vector<TensorSlice> slices(const Architecture& student) const override;
  WantedOutputs student_wants(int32_t depth) const override;
  // Target: units [B, T] int64. Terms of the last layer: masked, unmasked (each when there is a
  // mask), accuracy (share of the masked frames predicted right).
  LossBreakdown loss(const LossInput& input) const override;
  std::string to_json() const override;

 private:
  MaskedUnitsSpec spec_;
};

}  // namespace concertina
