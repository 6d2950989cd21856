// Masked unit prediction: HuBERT's loss with one prediction head per layer, at intermediate layers
// too (ILS-SSL), and optionally on the frames that were not masked. CE(masked) + unmasked_weight *
// CE(unmasked), mean over the layers. The logits of a frame are a linear function of the layer's
// output or, as HuBERT's, cos(A x + b, c_k) / temperature with a trained codeword c_k for each unit k.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/option_table.h"
#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

struct MaskedUnitsSpec {
  std::vector<int32_t> layers;  // 1-based kept layers; the last one is always among them
  int32_t depth = 0;            // of the model
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
  static constexpr bool kReadsMask = true;
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
  std::vector<TensorSlice> slices(const Architecture& student) const override;
  WantedOutputs student_wants(const Architecture& student) const override;
  // Terms of the last layer: masked, unmasked (each when there is a
  // mask), accuracy (share of the masked frames predicted right).
  LossBreakdown loss(const LossInput& input) const override;
  std::string to_json() const override;

 private:
  // [B, T', clusters] fp32.
  at::Tensor logits(const TensorMap& heads, int32_t layer, const at::Tensor& hidden) const;
  bool has_codewords() const { return spec_.codeword_dim > 0; }
  int32_t head_width() const { return has_codewords() ? spec_.codeword_dim : spec_.clusters; }

  MaskedUnitsSpec spec_;
};

}  // namespace concertina
