// Feature structure distillation with CKA (Jung et al. 2022). For centred x, y with n rows each:
// CKA(x, y) = <xx', yy'> / (|xx'| |yy'|), Frobenius; loss = -log(mean |CKA| + 1e-8), which needs no head.
//   intra: rows are the valid frames of one clip (every k-th of its own, so that at most `frames` are
//     left), mean over clips
//   local: rows are the clips of the batch, each the mean of its frames
//   global: distances of pooled clips to memories: b MSE(dist(S, M_S), dist(T, M_T)) + (1 - b) MSE(cos(S,
//     M_S), cos(T, M_T)) + loss(M_S, M_T), where the teacher's memory [memory, dim] is fitted before
//     training and frozen, and the student's is trained. Euclidean distances are divided by sqrt(dim).
// loss = sum of the three by weight, mean over pairs of layers. Pooled clips where the paper flattens
// frames of equal number, and sqrt(dim), are our form. In a run of several processes `local` sees the
// clips of one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distill/objective/layer_pairing.h"
#include "distill/objective/objective.h"

namespace concertina {

struct CkaSpec : LayerPairing {
  double intra = 1, local = 0, global = 0;  // weights
  int32_t frames = 256;
  int32_t memory = 100;
  double distances = 0.5;  // b
  int32_t teacher_dim = 0, student_dim = 0;
};

class CkaObjective : public Objective {
 public:
  using Spec = CkaSpec;
  static constexpr std::string_view kName = "cka";
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError for layers that teacher or student does not have.
  explicit CkaObjective(const CkaSpec& spec);

  Needs needs() const override;  // hidden states
  WantedOutputs student_wants(const Architecture& student) const override;
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;  // memories, normal
  std::vector<TensorSlice> slices(const Architecture& student) const override;
  // By teacher layer, those with a weight: "intra:L" [B, n, n] and "local:L" [B, B], of norm 1;
  // "distances:L" and "cosines:L" [B, memory]. "frames" [B, n] int64: those of intra; -1: none.
  TensorMap goal(const Rows& rows, const StepData& step) const override;
  LossBreakdown loss(const LossInput& input) const override;  // terms: those with a weight
  // "memory:L" [memory, teacher_dim]: means of the pooled clips of kStatisticsBatches batches that are
  // nearest to normal draws of their mean and variance; draws that have none stay.
  TensorMap initial_state(const RowSampler& sample, const Rng& rng) const override;
  std::string to_json() const override;

 private:
  CkaSpec spec_;
};

}  // namespace concertina
