// Regression of the teacher's upper layers: LightHuBERT's target (Wang et al. 2022), by data2vec's
// convention (Baevski et al. 2022). The target is the mean of the FFN results of the teacher's last
// `top` layers, each instance-normalised over time where configured; the prediction is a Linear head
// on the student's last output.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/option_table.h"
#include "distill/objective/distance.h"
#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

struct LayerMeanSpec {
  int32_t top = 4;
  Distance distance = Distance::kL1;
  bool instance_norm = true;
  int32_t teacher_depth = 0, teacher_dim = 0;
  int32_t student_dim = 0;  // of the supernet's largest architecture
};

class LayerMeanObjective : public Objective {
 public:
  using Spec = LayerMeanSpec;
  static constexpr std::string_view kName = "layer_mean";
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError when `top` exceeds the teacher's depth.
  explicit LayerMeanObjective(const LayerMeanSpec& spec);

  Needs needs() const override;  // one row [B, T, teacher_dim], which is the goal too
  WantedOutputs student_wants(const Architecture& student) const override;
  // The head starts as the identity where both widths agree, else Xavier-uniform.
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;
  std::vector<TensorSlice> slices(const Architecture& student) const override;
  LossBreakdown loss(const LossInput& input) const override;  // one term: the distance's name
  bool is_mean_over_clips() const override { return true; }
  std::string to_json() const override;

 private:
  LayerMeanSpec spec_;
  std::string row_;
};

ObjectiveOptions layer_mean_options(const LayerMeanSpec& spec);

}  // namespace concertina
