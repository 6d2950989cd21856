// Temporal Gram matrices (STaR, Jang et al. 2024): G_ab = S_a S_b' / d over the frames of a clip, for
// hidden states S_a, S_b of width d. loss = mean over layers of MSE(G_ll of the student, G_mm of the
// teacher), m the layer that l is paired with, and of MSE(G_kl, G_m'm) with k the kept layer before l; the
// layers' inputs are layer 0 of both. MSE is a mean over pairs of valid frames of one clip. There are no
// heads: widths need not agree. The paper has a sum over layers; dividing by d and by the frames, and
// the mean, are our form.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distill/objective/layer_pairing.h"
#include "distill/objective/objective.h"

namespace concertina {

struct TemporalGramSpec : LayerPairing {
  double within_layers = 1, between_layers = 1;  // weights of the two means
};

class TemporalGramObjective : public Objective {
 public:
  using Spec = TemporalGramSpec;
  static constexpr std::string_view kName = "temporal_gram";
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError for layers that teacher or student does not have.
  explicit TemporalGramObjective(const TemporalGramSpec& spec);

  Needs needs() const override;  // hidden states, that of the layers' inputs too
  WantedOutputs student_wants(const Architecture& student) const override;
  TensorMap goal(const Rows& rows, const StepData& step) const override;  // rows / sqrt(dim)
  // In place: rows side by side, whose inner products are the blend of the inner products.
  TensorMap in_place_goal(const Rows& teacher, const LossBreakdown& first, double weight,
                          const StepData& step) const override;
  LossBreakdown loss(const LossInput& input) const override;  // terms: within, between
  std::string to_json() const override;

 private:
  // The layers' inputs, then the pairs by student layer.
  std::vector<LayerPair> pairs_of(const Architecture& student) const;
  std::vector<int32_t> teacher_layers() const;

  TemporalGramSpec spec_;
};

}  // namespace concertina
