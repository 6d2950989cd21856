// Relations between queries, between keys and between values (MiniLM v2, Wang et al. 2021): all heads
// side by side are cut into `heads` parts x_a of width d, whatever the number of attention heads;
// R_a = softmax(x_a x_a' / sqrt(d)) over valid frames, and
// loss = sum_i w_i sum_r u_r mean_{a,t} KL(R_a,t of the teacher || of the student) / sum_i w_i, with i over
// pairs of layers, r over query, key, value. Where `heads` does not divide the width the last part is
// filled with zeros. At another frame rate the relation of the frames mapped to the base rate is
// compared. Layers of the student without attention are left out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distill/objective/layer_pairing.h"
#include "distill/objective/objective.h"

namespace concertina {

struct RelationsSpec : LayerPairing {
  double query = 1, key = 1, value = 1;  // weights u
  int32_t heads = 4;
};

class RelationsObjective : public Objective {
 public:
  using Spec = RelationsSpec;
  static constexpr std::string_view kName = "relations";
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError for layers that teacher or student does not have.
  explicit RelationsObjective(const RelationsSpec& spec);

  Needs needs() const override;  // queries, keys, values [B, T, dim] of the teacher's layers
  WantedOutputs student_wants(const Architecture& student) const override;
  TensorMap goal(const Rows& rows, const StepData& step) const override;  // [B, heads, T, T] each
  LossBreakdown loss(const LossInput& input) const override;  // terms: query, key, value
  std::string to_json() const override;

 private:
  struct Relation {
    RowKind kind;
    double weight;
  };
  std::vector<Relation> relations() const;  // with a weight

  RelationsSpec spec_;
};

}  // namespace concertina
