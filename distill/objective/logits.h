// Distillation of logits (Hinton et al. 2015) of the unit head with which the teacher was pretrained
// (supernet/model/unit_head.h), over all valid frames, masked or not. With the student's logits s, the
// teacher's z and smoothing e over K units, q(p) = (1 - e) p + e / K:
//   kl: t^2 KL(q(softmax(z / t)) || softmax(s / t)); cross_entropy: CE of s to q(one-hot of argmax z)
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/enum_names.h"
#include "distill/objective/heads.h"
#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

enum class LogitsLoss { kKl, kCrossEntropy };
template <>
inline constexpr auto kEnumNames<LogitsLoss> = name_table("kl", "cross_entropy");

struct LogitsSpec {
  LogitsLoss loss = LogitsLoss::kKl;
  double temperature = 1;  // t, of kl
  double smoothing = 0;    // e
  HeadKind head = HeadKind::kLinear;
  int32_t units = 0;  // K
  int32_t teacher_depth = 0;
  int32_t student_dim = 0;  // of the supernet's storage
};

class LogitsObjective : public Objective {
 public:
  using Spec = LogitsSpec;
  static constexpr std::string_view kName = "logits";
  static constexpr ObjectiveTraits kTraits = {.reads_logits = true};
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  explicit LogitsObjective(const LogitsSpec& spec) : spec_(spec) {}

  Needs needs() const override;  // one row of logits
  WantedOutputs student_wants(const Architecture& student) const override;
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;
  std::vector<TensorSlice> slices(const Architecture& student) const override;
  // Terms: the loss by its name; agreement (share of the frames with the teacher's unit, Avram et al.
  // 2021 call it label loyalty).
  LossBreakdown loss(const LossInput& input) const override;
  bool is_mean_over_clips() const override { return true; }
  std::string to_json() const override;

 private:
  Head head() const;
  Row row() const;
  at::Tensor target_of(const at::Tensor& logits) const;  // probabilities [B, T, K]

  LogitsSpec spec_;
};

}  // namespace concertina
