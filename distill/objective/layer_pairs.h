// Regression of hidden states, layer to layer: pairs of a teacher layer and a student layer, each with a
// weight and a linear head of its own (FitHuBERT, Lee et al. 2022; Knowledge distillation of
// transformers revisited, Lu et al. 2022). loss = sum_i w_i D(head_i(S_i), N(T_i)) / sum_i w_i over the
// pairs whose student layer an architecture has, so that deep and shallow ones see one scale.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/enum_names.h"
#include "core/option_table.h"
#include "distill/objective/distance.h"
#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

// kPairs: as listed. The others pair every student layer s of S with a layer of a teacher of L
// layers: first: s; last: s + L - S; uniform: round(s L / S) (our form where S does not divide L);
// gap: s floor(L / S). Pairs outside the teacher are left out.
enum class LayerMap { kPairs, kFirst, kLast, kUniform, kGap };
template <>
inline constexpr auto kEnumNames<LayerMap> = name_table("pairs", "first", "last", "uniform", "gap");

// How a student layer is counted: by its index in the supernet, 1 to S, so that a shared layer has one
// target; by its rank among the kept layers; or as a share of the depth, the ceil(p depth)-th kept one.
enum class LayerPosition { kIndex, kRank, kRelative };
template <>
inline constexpr auto kEnumNames<LayerPosition> = name_table("index", "rank", "relative");

// Of the teacher's channels. standard: mean 0 and variance 1 over a sample of the training audio;
// instance: over the frames of each utterance.
enum class ChannelNorm { kStandard, kInstance, kNone };
template <>
inline constexpr auto kEnumNames<ChannelNorm> = name_table("standard", "instance", "none");

struct LayerPairsSpec {
  LayerMap map = LayerMap::kUniform;
  LayerPosition position = LayerPosition::kIndex;
  std::vector<int32_t> teacher_layers;  // map: pairs
  std::vector<double> student_layers;   // as many: 1, 2, .. by index or rank, shares in (0, 1]
  std::vector<double> weights = {1};    // one, or one a pair (with a map: a student layer)
  Distance distance = Distance::kL1;
  ChannelNorm channels = ChannelNorm::kStandard;
  int32_t teacher_depth = 0, teacher_dim = 0;
  int32_t student_depth = 0, student_dim = 0;  // of the supernet's storage
};

// One pair for one architecture.
struct LayerPair {
  int32_t teacher_layer = 0;
  int32_t student_layer = 0;  // kept layer, 1 to depth
  size_t head = 0;
  double weight = 1;
};

class LayerPairsObjective : public Objective {
 public:
  using Spec = LayerPairsSpec;
  static constexpr std::string_view kName = "layer_pairs";
  static constexpr int64_t kStatisticsBatches = 32;
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError for layers that teacher or student does not have.
  explicit LayerPairsObjective(const LayerPairsSpec& spec);

  // The pairs whose student layer is kept; the last pair with the last layer where none is.
  std::vector<LayerPair> pairs_of(const Architecture& student) const;

  Needs needs() const override;  // a row [B, T, teacher_dim] a teacher layer
  WantedOutputs student_wants(const Architecture& student) const override;
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;      // Xavier-uniform
  std::vector<TensorSlice> slices(const Architecture& student) const override;  // of its pairs only
  TensorMap goal(const Rows& rows, const StepData& step) const override;        // standardised rows
  LossBreakdown loss(const LossInput& input) const override;  // one term: the distance's name
  // "mean" and "std" [teacher_dim] fp32 of each row, over the valid frames of kStatisticsBatches
  // batches.
  TensorMap initial_state(const RowSampler& sample, const Rng& rng) const override;
  bool is_mean_over_clips() const override { return true; }
  std::string to_json() const override;

 private:
  struct ListedPair {
    int32_t teacher_layer;
    double student_layer;
    double weight;
  };
  // The pairs of a student of `depth` layers, before it is known which it keeps.
  std::vector<ListedPair> listed(int32_t depth) const;
  Row row_of(int32_t teacher_layer) const;

  LayerPairsSpec spec_;
  std::vector<int32_t> teacher_layers_;  // that any student is paired with
  size_t heads_ = 0;
};

}  // namespace concertina
