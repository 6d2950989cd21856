#include "distill/train/regularization.h"

#include "core/errors.h"

namespace concertina {
namespace {

constexpr Bounds kRates{0, 0.99};

const OptionTable<DropoutRates>& dropout_table() {
  using O = DropoutRates;
  static const OptionTable<O> table = {
      option("dropout", &O::hidden,
             "of the first layer's input and of what attention and FFN add to the residual stream")
          .within(kRates),
      option("attention_dropout", &O::attention, "of attention weights; attention is then slower")
          .within(kRates),
      option("activation_dropout", &O::activation, "of FFN neurons").within(kRates),
      option("input_dropout", &O::input, "of the projected features, before masking")
          .within(kRates),
      option("layer_drop", &O::layer,
             "probability that a layer is skipped in a step (LayerDrop); layers whose inner "
             "activations the objective needs are not")
          .within(kRates),
  };
  return table;
}

}  // namespace

const OptionTable<RegularizationOptions>& regularization_table() {
  using O = RegularizationOptions;
  static const OptionTable<O> table = {
      flattened(&O::dropout, dropout_table()),
      option("feature_penalty", &O::feature_penalty,
             "weight of the mean square of the convolutions' output (HuBERT: 10)")
          .within({0, 1e6}),
  };
  return table;
}

void check_regularization(const RegularizationOptions& options, const Blueprint& blueprint) {
  if (options.feature_penalty == 0 || blueprint.front_end == FrontEndKind::kWave) return;
  throw InputError(
      "regularization.feature_penalty is the mean square of what convolutions of the waveform "
      "give: the space's front end has none");
}

}  // namespace concertina
