#include "distill/objective/objective.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace concertina {

std::vector<Parameters::Init> Objective::parameters(const Rng&) const { return {}; }

std::vector<TensorSlice> Objective::slices(const Architecture&) const { return {}; }

TensorMap Objective::goal(const Rows& rows, const StepData&) const { return rows; }

TensorMap Objective::assisted_goal(const TensorMap& goal, const TensorMap&) const { return goal; }

TensorMap Objective::initial_state(const RowSampler&, const Rng&) const { return {}; }

TensorMap Objective::observed(const TensorMap&, const StepData&) const { return {}; }

TensorMap Objective::next_state(const TensorMap&, const StepData& step) const { return step.state; }

TensorMap Objective::in_place_goal(const Rows& teacher, const LossBreakdown& first, double weight,
                                   const StepData& step) const {
  at::NoGradGuard no_grad;
  return blended(goal_of(*this, blended(teacher, first.rows, weight), step), first.goal, weight);
}

TensorMap goal_of(const Objective& objective, const Rows& rows, const StepData& step) {
  at::NoGradGuard no_grad;
  return objective.goal(valid_rows(rows, step.valid), step);
}

Rows valid_rows(const Rows& rows, const at::Tensor& valid) {
  if (!valid.defined()) return rows;
  Rows clean;
  for (const auto& [name, row] : rows) {
    const int64_t length = std::min(row.size(1), valid.size(1));
    const at::Tensor seen = valid.narrow(1, 0, length).unsqueeze(2);
    clean[name] = at::where(seen, row.narrow(1, 0, length), 0.0);
  }
  return clean;
}

void merge(WantedOutputs& wants, const WantedOutputs& other) {
  for (auto list : {&WantedOutputs::hidden, &WantedOutputs::ffn_results, &WantedOutputs::queries,
                    &WantedOutputs::keys, &WantedOutputs::values}) {
    std::vector<int32_t>& all = wants.*list;
    for (const int32_t layer : other.*list) {
      if (std::find(all.begin(), all.end(), layer) == all.end()) all.push_back(layer);
    }
  }
  wants.all_hidden |= other.all_hidden;
  wants.projected |= other.projected;
}

Rows blended(Rows teacher, const Rows& own, double weight) {
  for (auto& [name, row] : teacher) {
    const auto found = own.find(name);
    if (found == own.end()) continue;
    if (weight == 1) {
      row = found->second;
      continue;
    }
    const int64_t length = std::min(row.size(1), found->second.size(1));
    row = at::lerp(row.narrow(1, 0, length), found->second.narrow(1, 0, length), weight);
  }
  return teacher;
}

at::Tensor valid_only(const Frames& frames, const at::Tensor& x) {
  return frames.valid.defined() ? at::where(frames.valid.unsqueeze(2), x, 0.0) : x;
}

at::Tensor mean_where(const at::Tensor& values, const at::Tensor& where) {
  const at::Tensor count = where.sum().to(values.scalar_type()).clamp_min(1);
  return at::where(where, values, 0.0).sum() / count;
}

}  // namespace concertina
