// FitHuBERT's hints (Lee et al. 2022): the last layers of both, and with a smaller weight each layer
// below, through a learned upsampling (upsampling.h) and a linear head of its own.
// loss = [w D(S_last, T_last) + sum_i w_i D(S_i, T_i)] / [w + sum_i w_i] over the layers that an
// architecture keeps; the paper: D = MSE, w = 1, w_i = 0.1, without the division.
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
#include "distill/objective/upsampling.h"

namespace concertina {

struct HintsSpec : LayerPairing {
  HintsSpec() { weights = {0.1}; }
  double last_weight = 1;
  Distance distance = Distance::kMse;
  int32_t phases = 2;
  int32_t teacher_dim = 0;
  int32_t student_dim = 0;  // of the supernet's storage
};

class HintsObjective : public Objective {
 public:
  using Spec = HintsSpec;
  static constexpr std::string_view kName = "hints";
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError for layers that teacher or student does not have.
  explicit HintsObjective(const HintsSpec& spec);

  Needs needs() const override;  // a row [B, T, teacher_dim] a teacher layer
  WantedOutputs student_wants(const Architecture& student) const override;
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;
  std::vector<TensorSlice> slices(
      const Architecture& student) const override;            // of its layers only
  LossBreakdown loss(const LossInput& input) const override;  // terms: last, hints
  bool is_mean_over_clips() const override { return true; }
  std::string to_json() const override;

 private:
  std::string row_of(int32_t teacher_layer) const;
  Upsampling upsampling_of(size_t head) const;
  Head head_of(size_t head) const;

  HintsSpec spec_;
};

}  // namespace concertina
