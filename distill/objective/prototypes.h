// Frames by their nearness to prototypes of the teacher's frames, after ProC-KD (Li et al. 2022); the
// form is ours. x_t is the concatenation of unit vectors of several teacher layers. Prototypes c_k are
// k-means centres of x, fitted before training and frozen: with both sides trainable they collapse.
// a_tk = softmax_k(cos(x_t, c_k) / temperature); the student's with head(S_last) for x;
// loss = mean_t KL(a_t of the teacher || of the student).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distill/objective/heads.h"
#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

struct PrototypesSpec {
  std::vector<int32_t> teacher_layers;  // empty: at thirds of the teacher's depth
  int32_t count = 72;
  double temperature = 0.1;
  HeadKind head = HeadKind::kLinear;
  int32_t teacher_depth = 0, teacher_dim = 0;
  int32_t student_dim = 0;  // of the supernet's storage
};

// (H(mean_t a_t) - mean_t H(a_t)) / log(count) of assignments a [N, count] of frames, 0 to 1: how much
// they tell of a frame. 0 where all prototypes are alike or all frames nearest to one: they have
// collapsed, and the loss is low whatever the student knows.
at::Tensor assignment_information(const at::Tensor& assignments);
// The least that frozen k-means centres of speech have; well above what collapsed ones have.
inline constexpr double kLeastAssignmentInformation = 0.05;

class PrototypesObjective : public Objective {
 public:
  using Spec = PrototypesSpec;
  static constexpr std::string_view kName = "prototypes";
  static constexpr int64_t kFittedFrames = 8192;  // at most
  static constexpr int32_t kRounds = 20;          // of k-means
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError for layers that the teacher does not have.
  explicit PrototypesObjective(const PrototypesSpec& spec);

  Needs needs() const override;  // hidden states
  WantedOutputs student_wants(const Architecture& student) const override;
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;
  std::vector<TensorSlice> slices(const Architecture& student) const override;
  TensorMap goal(const Rows& rows, const StepData& step) const override;  // a, [B, T, count]
  // Terms: divergence; agreement (share of the frames whose nearest prototype is the teacher's); outside
  // training the guard too, "guard.information": assignment_information() of the teacher's.
  LossBreakdown loss(const LossInput& input) const override;
  // "prototypes" [count, layers * teacher_dim], of frames of kStatisticsBatches batches. InputError where
  // these have fewer than `count`.
  TensorMap initial_state(const RowSampler& sample, const Rng& rng) const override;
  std::string to_json() const override;

 private:
  std::vector<std::string> row_names() const;
  Head head() const;

  PrototypesSpec spec_;
};

}  // namespace concertina
