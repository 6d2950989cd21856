// Regression of hidden states, layer to layer: pairs of a teacher layer and a student layer, each with a
// weight and a head of its own (FitHuBERT, Lee et al. 2022; Knowledge distillation of
// transformers revisited, Lu et al. 2022). loss = sum_i w_i D(head_i(S_i), N(T_i)) / sum_i w_i over the
// pairs whose student layer an architecture has, so that deep and shallow ones see one scale.
// TinyBERT (Jiao et al. 2020) has one linear head for all layers, and a pair of the layers' inputs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distill/objective/channel_norm.h"
#include "distill/objective/distance.h"
#include "distill/objective/heads.h"
#include "distill/objective/layer_pairing.h"
#include "distill/objective/objective.h"

namespace concertina {

struct LayerPairsSpec : LayerPairing {
  Distance distance = Distance::kL1;
  ChannelNorm channels = ChannelNorm::kStandard;
  HeadKind head = HeadKind::kLinear;
  bool shared_head = false;
  bool embeddings = false;  // a pair of the layers' inputs, weight 1
  int32_t teacher_dim = 0;
  int32_t student_dim = 0;  // of the supernet's storage
};

class LayerPairsObjective : public Objective {
 public:
  using Spec = LayerPairsSpec;
  static constexpr std::string_view kName = "layer_pairs";
  static const OptionTable<Spec>& options();
  static const OptionTable<Spec>& sizes();
  static void set_sizes(Spec& spec, const ObjectiveSizes& sizes);
  static std::optional<std::pair<std::string, std::string>> problem(const Spec& spec,
                                                                    int32_t teacher_depth);

  // InputError for layers that teacher or student does not have.
  explicit LayerPairsObjective(const LayerPairsSpec& spec);

  // That of the layers' inputs first.
  std::vector<LayerPair> pairs_of(const Architecture& student) const;

  Needs needs() const override;  // a row [B, T, teacher_dim] a teacher layer
  WantedOutputs student_wants(const Architecture& student) const override;
  std::vector<Parameters::Init> parameters(const Rng& rng) const override;      // Xavier-uniform
  std::vector<TensorSlice> slices(const Architecture& student) const override;  // of its pairs only
  TensorMap goal(const Rows& rows, const StepData& step) const override;        // standardised rows
  LossBreakdown loss(const LossInput& input) const override;  // one term: the distance's name
  TensorMap initial_state(const RowSampler& sample,
                          const Rng& rng) const override;  // channel_norm.h
  bool is_mean_over_clips() const override { return true; }
  std::string to_json() const override;

 private:
  Row row_of(int32_t teacher_layer) const;
  Head head_of(size_t pair) const;
  std::vector<std::string> row_names() const;

  LayerPairsSpec spec_;
  std::vector<int32_t> teacher_layers_;  // that any student is paired with
  size_t heads_ = 0;
};

}  // namespace concertina
