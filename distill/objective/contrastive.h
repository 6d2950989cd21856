// Contrastive distillation with a queue (DisCo, Wu et al. 2021): q = unit(mean_t (W S_t + b)) of a clip, its
// key k = unit(mean_t T), and negatives: the keys of earlier clips in a queue.
// loss = mean over clips of -log [e^(s q.k) / (e^(s q.k) + sum_j e^(s q.n_j))], s = exp(p), p trained
// from 1. Negatives are the queue alone, not the batch's other keys, so that several processes compute what
// one does; keys of crops that overlap a clip are left out (both our form).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

struct ContrastiveSpec {
  int32_t teacher_layer = 0;  // 0: the last one
  int32_t queue = 1024;
  int32_t teacher_depth = 0, teacher_dim = 0;
  int32_t student_dim = 0;  // of the supernet's storage
};

class ContrastiveObjective : public Objective {
 public:
  using Spec = ContrastiveSpec;
  static constexpr std::string_view kName = "contrastive";
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError for a layer that the teacher does not have.
  explicit ContrastiveObjective(const ContrastiveSpec& spec);

  Needs needs() const override;  // one hidden state
  WantedOutputs student_wants(const Architecture& student) const override;
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;
  std::vector<TensorSlice> slices(const Architecture& student) const override;
  TensorMap goal(const Rows& rows, const StepData& step) const override;  // "key" [B, teacher_dim]
  // Terms: contrastive; accuracy (share of the clips whose own key is the nearest).
  LossBreakdown loss(const LossInput& input) const override;
  // "keys" [queue, teacher_dim], oldest first; "first" and "frames" [queue] int64: where their crops
  // were, in base frames; frames 0: no key yet, first -1: not known.
  TensorMap initial_state(const RowSampler& sample, const Rng& rng) const override;
  TensorMap observed(const TensorMap& goal, const StepData& step) const override;
  TensorMap next_state(const TensorMap& observed, const StepData& step) const override;
  std::string to_json() const override;

 private:
  Row row() const;

  ContrastiveSpec spec_;
};

}  // namespace concertina
