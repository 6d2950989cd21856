// Attention scores before the softmax (TinyBERT, Jiao et al. 2020): A_h = q_h k_h' / sqrt(head_dim), and
// loss = sum_i w_i mean (A of the student - A of the teacher)^2 / sum_i w_i over pairs of valid frames
// and over the first heads that both have, or of the mean over the heads of each, where heads are elastic
// (our forms). Position biases are not part of the scores. At another frame rate the scores of the frames
// mapped to the base rate are compared: (B q)(B k)'. Layers of the student without attention are left out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/enum_names.h"
#include "distill/objective/layer_pairing.h"
#include "distill/objective/objective.h"

namespace concertina {

enum class ComparedHeads { kMean, kFirst };
template <>
inline constexpr auto kEnumNames<ComparedHeads> = name_table("mean", "first");

struct AttentionScoresSpec : LayerPairing {
  ComparedHeads heads = ComparedHeads::kMean;
  int32_t teacher_head_dim = 0, student_head_dim = 0;
};

class AttentionScoresObjective : public Objective {
 public:
  using Spec = AttentionScoresSpec;
  static constexpr std::string_view kName = "attention_scores";
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError for layers that teacher or student does not have.
  explicit AttentionScoresObjective(const AttentionScoresSpec& spec);

  Needs needs() const override;  // queries and keys [B, T, dim] of the teacher's layers
  WantedOutputs student_wants(const Architecture& student) const override;
  // "scores:LAYER" [B, heads, T, T]; one head with kMean.
  TensorMap goal(const Rows& rows, const StepData& step) const override;
  LossBreakdown loss(const LossInput& input) const override;  // one term: scores
  std::string to_json() const override;

 private:
  AttentionScoresSpec spec_;
};

}  // namespace concertina
