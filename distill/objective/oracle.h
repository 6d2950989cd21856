// A teacher that sees the labels (Oracle Teacher, Yoon et al. 2021 and 2023): it predicts the unit of each frame from
// the audio and the clip's labels, and the student learns from units and from its probabilities. Our form:
// labels are units, the audio is a hidden state x_t of the frozen teacher, and the oracle is trained
// together with the student. Of the labels it sees which occur in the clip, not where nor how often: what
// CTC's many-to-one mapping leaves, and its order left out too. With E_k the embedding of label k and E_0 of
// "no label", over the labels that it sees and E_0:
//   h = A x_t + a,  c = sum_k softmax_k((Q h + q) (K E_k + k)' / sqrt(dim)) (V E_k + v),  z_T = O gelu(h + c) + o
//   loss = unit_weight CE(z_S, unit) + oracle_weight t^2 KL(softmax(z_T / t) || softmax(z_S / t)) + CE(z'_T, unit)
// No gradient of the second part reaches the oracle. In training z'_T is of the labels that label_dropout
// leaves: so it learns to hear the audio too.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"
#include "distill/objective/oracle_guard.h"

namespace concertina {

struct OracleSpec {
  int32_t teacher_layer = 0;   // 0: the last
  int32_t dim = 64;            // of the oracle
  double label_dropout = 0.3;  // of a clip's labels; as many clips have none
  double unit_weight = 1, oracle_weight = 1;
  double temperature = 1;  // t
  int32_t units = 0;       // K
  int32_t teacher_depth = 0, teacher_dim = 0;
  int32_t student_dim = 0;  // of the supernet's storage
};

class OracleObjective : public Objective {
 public:
  using Spec = OracleSpec;
  static constexpr std::string_view kName = "oracle";
  static constexpr ObjectiveTraits kTraits = {.reads_units = true, .in_place = false};
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  explicit OracleObjective(const OracleSpec& spec);  // InputError for a layer that is not there

  Needs needs() const override;  // a hidden state, and units
  WantedOutputs student_wants(const Architecture& student) const override;
  // The student's head "objective.head", and the oracle's under "objective.oracle.", which are whole in every
  // student.
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;
  std::vector<TensorSlice> slices(const Architecture& student) const override;
  // The row; "labels" and "seen" [B, K] bool: those of the clip, and those that dropout leaves. Draws depend
  // on step and step.first alone, and nothing is left out where that is undefined.
  TensorMap goal(const Rows& rows, const StepData& step) const override;
  // Terms: units, oracle, accuracy of the student; outside training those of the guard too, "guard.right" and so on.
  LossBreakdown loss(const LossInput& input) const override;
  bool is_mean_over_clips() const override { return true; }
  std::string to_json() const override;

  // [B, T, K] fp32. x [B, T, teacher_dim], labels [B, K] bool.
  at::Tensor oracle_logits(const TensorMap& heads, const at::Tensor& x,
                           const at::Tensor& labels) const;
  // [B, K] bool: which units occur in the valid frames of a clip; undefined units: none.
  at::Tensor labels_of(const at::Tensor& units, const at::Tensor& valid) const;

 private:
  Row row() const;

  OracleSpec spec_;
};

}  // namespace concertina
