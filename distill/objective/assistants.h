// Larger subnets of a step as teaching assistants of the smaller ones (Ganta et al. 2022): all predict units, and
// with K assistants, the largest first, a smaller subnet's loss is
//   (1 - share) CE(z, unit) + share t^2 KL(sum_k w_k softmax(z_k / t) || softmax(z / t))
// and that of one without assistants CE(z, unit). The weights are those of least cross-entropy of the mixture on
// recent training frames, which no assistant had learnt from when it predicted them, by differential
// evolution (distill/objective/mixture.h) after each step. Our form: the paper's assistants are networks of their own, and
// its weights are found once, on held-out data.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

struct AssistantsSpec {
  int32_t count = 2;       // the most assistants that a subnet has
  double share = 0.5;      // of the mixture in the loss
  double temperature = 1;  // t
  int32_t units = 0;
  int32_t student_dim = 0;  // of the supernet's storage
};

class AssistantsObjective : public Objective {
 public:
  using Spec = AssistantsSpec;
  static constexpr std::string_view kName = "assistants";
  static constexpr ObjectiveTraits kTraits = {.reads_units = true, .in_place = false};
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  explicit AssistantsObjective(const AssistantsSpec& spec);

  Needs needs() const override;  // units
  WantedOutputs student_wants(const Architecture& student) const override;
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;
  std::vector<TensorSlice> slices(const Architecture& student) const override;
  TensorMap goal(const Rows&, const StepData&) const override { return {}; }
  bool has_assistants() const override { return true; }
  // "assistant.K" [B, T, units]: probabilities.
  TensorMap assisted_goal(const TensorMap& goal, const TensorMap& assistant) const override;
  LossBreakdown loss(const LossInput& input) const override;  // terms: units, assistants, accuracy
  // "weights" [count], and "probabilities" [kWindow, count] of the units of recent frames: 1 where there are none
  // yet, or a frame is not valid, which changes no optimum.
  TensorMap initial_state(const RowSampler& sample, const Rng& rng) const override;
  TensorMap observed(const TensorMap& goal, const StepData& step) const override;
  TensorMap next_state(const TensorMap& observed, const StepData& step) const override;
  std::string to_json() const override;

  static constexpr int64_t kWindow = 4096, kGenerations = 30;

 private:
  AssistantsSpec spec_;
};

}  // namespace concertina
