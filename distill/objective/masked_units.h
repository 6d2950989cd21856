// Masked unit prediction (HuBERT, Hsu et al. 2021), at intermediate layers too (ILS-SSL, Wang et al.
// 2021), each with a head of its own, and optionally on the frames that were not masked:
// CE(masked) + unmasked_weight * CE(unmasked), mean over the layers. The logits of a frame are a
// linear function of the layer's output or, as HuBERT's, cos(A x + b, c_k) / temperature with a
// trained codeword c_k for each unit k.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/option_table.h"
#include "distill/objective/layer_pairing.h"
#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

struct MaskedUnitsSpec {
  // 1 to depth. The last is always among them, and is the last kept layer of any student.
  std::vector<int32_t> layers;
  // Which kept layer each of the others is: by index in the supernet or rank (no loss where a student
  // does not keep it), or `relative`: the one at the same share of the student's depth.
  LayerPosition position = LayerPosition::kIndex;
  int32_t depth = 0;  // of the model
  int32_t clusters = 200;
  int32_t model_dim = 0;         // of the supernet's largest architecture
  double unmasked_weight = 1.0;  // HuBERT: 0
  int32_t codeword_dim = 0;      // HuBERT: 256; 0: linear heads
  double temperature = 0.1;      // of codewords
};

class MaskedUnitsObjective : public Objective {
 public:
  using Spec = MaskedUnitsSpec;
  static constexpr std::string_view kName = "masked_units";
  static constexpr ObjectiveTraits kTraits = {
      .reads_mask = true, .reads_units = true, .in_place = false};
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  explicit MaskedUnitsObjective(
      MaskedUnitsSpec spec);  // InputError when the model has no such layer

  Needs needs() const override;  // mask and units
  // Xavier-uniform; codewords U(0, 1), as fairseq's.
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;
  std::vector<TensorSlice> slices(
      const Architecture& student) const override;  // of its layers only
  WantedOutputs student_wants(const Architecture& student) const override;
  TensorMap goal(const Rows&, const StepData&) const override { return {}; }
  // Terms of the last layer: masked, unmasked, accuracy (share of the masked frames predicted right).
  LossBreakdown loss(const LossInput& input) const override;
  std::string to_json() const override;
  // The trained head of the last layer, as a model file has it (supernet/model/unit_head.h).
  TensorMap unit_head(const TensorMap& heads) const;

 private:
  struct Prediction {
    int32_t head = 0;   // one of spec_.layers
    int32_t layer = 0;  // kept layer, 1 to the student's depth
  };
  std::vector<Prediction> predictions(const Architecture& student) const;
  // [B, T', clusters] fp32.
  at::Tensor logits(const TensorMap& heads, int32_t head, const at::Tensor& hidden) const;
  bool has_codewords() const { return spec_.codeword_dim > 0; }
  int32_t head_width() const { return has_codewords() ? spec_.codeword_dim : spec_.clusters; }

  MaskedUnitsSpec spec_;
};

}  // namespace concertina
