// Masked distillation (MaskHuBERT, Jang et al. 2023): the student hears masked audio; the teacher runs
// once on the same mask and once without. Frames that are masked regress the teacher's pass without the
// mask, the others its pass with it:
// loss = [w D(S_last, Z_last) + sum_i w_i D(S_i, Z_i)] / [w + sum_i w_i], Z = T(open) where masked,
// T(masked) elsewhere, through a linear head each; the paper: D = MSE, w = 1, w_i = 0.1, without the
// division.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distill/objective/distance.h"
#include "distill/objective/heads.h"
#include "distill/objective/layer_pairing.h"
#include "distill/objective/objective.h"

namespace concertina {

struct MaskedPairsSpec : LayerPairing {
  MaskedPairsSpec() { weights = {0.1}; }
  double last_weight = 1;
  Distance distance = Distance::kMse;
  HeadKind head = HeadKind::kLinear;
  int32_t teacher_dim = 0;
  int32_t student_dim = 0;  // of the supernet's storage
};

class MaskedPairsObjective : public Objective {
 public:
  using Spec = MaskedPairsSpec;
  static constexpr std::string_view kName = "masked_pairs";
  static constexpr ObjectiveTraits kTraits = {.reads_mask = true};
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError for layers that teacher or student does not have.
  explicit MaskedPairsObjective(const MaskedPairsSpec& spec);

  Needs needs() const override;  // the mask, and two rows [B, T, teacher_dim] a teacher layer
  WantedOutputs student_wants(const Architecture& student) const override;
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;
  std::vector<TensorSlice> slices(
      const Architecture& student) const override;                        // of its layers only
  TensorMap goal(const Rows& rows, const StepData& step) const override;  // Z, by layer
  // Terms: masked, unmasked: those frames' means, by the weights of the pairs.
  LossBreakdown loss(const LossInput& input) const override;
  std::string to_json() const override;

 private:
  Head head_of(size_t pair) const;

  MaskedPairsSpec spec_;
};

}  // namespace concertina
