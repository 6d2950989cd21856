// A sum of objectives, each with a weight that may change linearly over the stage's steps. Rows that
// several of them need are computed once. Heads and state of the i-th have "I." after "objective.":
// objectives of one kind do not collide.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bounds.h"
#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

// Weight `first` until `over.low` of the steps, `last` from `over.high` on, linear in between.
struct WeightSchedule {
  double first = 1, last = 1;
  NumberRange over{0, 1};
  // Nothing for `progress`, outside training: the largest, so that losses of different steps compare.
  double at(std::optional<double> progress) const;
};

struct Summand {
  std::unique_ptr<Objective> objective;
  WeightSchedule weight;
};

class SumObjective : public Objective {
 public:
  explicit SumObjective(std::vector<Summand> summands);  // at least one

  Needs needs() const override;
  WantedOutputs student_wants(const Architecture& student) const override;
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;
  std::vector<TensorSlice> slices(const Architecture& student) const override;
  TensorMap goal(const Rows& rows, const StepData& step) const override;
  TensorMap in_place_goal(const Rows& teacher, const LossBreakdown& first, double weight,
                          const StepData& step) const override;
  bool has_assistants() const override;
  TensorMap assisted_goal(const TensorMap& goal, const TensorMap& assistant) const override;
  // Terms: those of each summand, unweighted, as "I.NAME".
  LossBreakdown loss(const LossInput& input) const override;
  TensorMap initial_state(const RowSampler& sample, const Rng& rng) const override;
  TensorMap observed(const TensorMap& goal, const StepData& step) const override;
  TensorMap next_state(const TensorMap& observed, const StepData& step) const override;
  bool is_mean_over_clips() const override;
  std::string to_json() const override;

 private:
  std::vector<Summand> summands_;
};

// Its line in the table of kinds. YAML: {kind: sum, of: [{kind: KIND, weight: 1, ...}, ...]}; weight is
// a number, or [FIRST, LAST], which `over: [FROM, TO]` (shares of the steps) says when.
ObjectiveKind sum_kind();

}  // namespace concertina
