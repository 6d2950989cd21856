// Prediction heads (DistilHuBERT, Chang et al. 2022): the student's last output predicts hidden states
// of several teacher layers, each through a head of its own.
// loss = sum_i w_i mean_t [D(head_i(S), T_i) + c (-log sigmoid cos(head_i(S), T_i))] / sum_i w_i; the
// paper: D = L1, c = 1, w = 1, without the division, which is by a constant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distill/objective/channel_norm.h"
#include "distill/objective/distance.h"
#include "distill/objective/heads.h"
#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

struct PredictionHeadsSpec {
  std::vector<int32_t> teacher_layers;  // empty: at thirds of the teacher's depth
  std::vector<double> weights = {1};    // one, or one a teacher layer
  Distance distance = Distance::kL1;
  double cosine_weight = 1;
  HeadKind head = HeadKind::kGelu;
  ChannelNorm channels = ChannelNorm::kNone;
  int32_t teacher_depth = 0, teacher_dim = 0;
  int32_t student_dim = 0;  // of the supernet's storage
};

class PredictionHeadsObjective : public Objective {
 public:
  using Spec = PredictionHeadsSpec;
  static constexpr std::string_view kName = "prediction_heads";
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError for layers that the teacher does not have.
  explicit PredictionHeadsObjective(const PredictionHeadsSpec& spec);

  const std::vector<int32_t>& teacher_layers() const { return spec_.teacher_layers; }

  Needs needs() const override;  // a row [B, T, teacher_dim] a teacher layer
  WantedOutputs student_wants(const Architecture& student) const override;
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;
  std::vector<TensorSlice> slices(const Architecture& student) const override;
  TensorMap goal(const Rows& rows, const StepData& step) const override;
  // Terms: the distance's name; "log_sigmoid_cosine" where it has a weight.
  LossBreakdown loss(const LossInput& input) const override;
  TensorMap initial_state(const RowSampler& sample,
                          const Rng& rng) const override;  // channel_norm.h
  bool is_mean_over_clips() const override { return true; }
  std::string to_json() const override;

 private:
  Row row_of(size_t i) const;
  Head head_of(size_t i) const;

  PredictionHeadsSpec spec_;
  std::vector<std::string> rows_;
};

}  // namespace concertina
