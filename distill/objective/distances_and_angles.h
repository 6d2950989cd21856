// Relational knowledge distillation (RKD, Park et al. 2019) of the frames of a clip, x_t at base frames:
//   distances: Huber(|x_s - x_t| / m of the student, of the teacher), m the mean over the clip's pairs
//     of frames; mean over pairs
//   angles: Huber(cos(x_{t-a} - x_t, x_{t+b} - x_t) of the student, of the teacher), a and b of `offsets`;
//     mean over the clip's triplets (t - a, t, t + b)
// loss = sum_i w_i (u_D distances_i + u_A angles_i) / sum_i w_i over pairs of layers i, of hidden states;
// Huber's delta is 1. All frames are valid ones of one clip, and clips count by their number of valid
// frames. There are no heads: widths need not agree. Frames of a clip where the paper has examples of a
// batch, and triplets at K offsets where it has all of them (T K^2 of T^3), are our form. Frames
// closer than 0.3 % of their lengths, from the clip's mean, count as equal: distance and cosine 0.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distill/objective/layer_pairing.h"
#include "distill/objective/objective.h"

namespace concertina {

struct DistancesAndAnglesSpec : LayerPairing {
  double distances = 1, angles = 2;  // weights u
  // Base frames. 100 ms are longer than any frame of a student, so that the three frames differ.
  std::vector<int32_t> offsets = {5, 10, 25, 50};
};

class DistancesAndAnglesObjective : public Objective {
 public:
  using Spec = DistancesAndAnglesSpec;
  static constexpr std::string_view kName = "distances_and_angles";
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError for layers that teacher or student does not have.
  explicit DistancesAndAnglesObjective(const DistancesAndAnglesSpec& spec);

  Needs needs() const override;  // hidden states
  WantedOutputs student_wants(const Architecture& student) const override;
  // By teacher layer, those with a weight: "distances:L" [B, T, T] of mean 1, "angles:L" [B, T, K, K].
  TensorMap goal(const Rows& rows, const StepData& step) const override;
  LossBreakdown loss(const LossInput& input) const override;  // terms: those with a weight
  bool is_mean_over_clips() const override { return true; }
  std::string to_json() const override;

 private:
  DistancesAndAnglesSpec spec_;
};

}  // namespace concertina
