// Regularisation of training passes; validation and evaluation have none. Off by default.
#pragma once

#include "core/option_table.h"
#include "supernet/nn/dropout.h"
#include "supernet/space/blueprint.h"

namespace concertina {

struct RegularizationOptions {
  DropoutRates dropout;
  // Weight of the mean square of the convolutions' output, before norm and projection (HuBERT's
  // features_pen). 0: off.
  double feature_penalty = 0;
  bool operator==(const RegularizationOptions&) const = default;
};
const OptionTable<RegularizationOptions>& regularization_table();

// InputError for a feature penalty of a front end without convolutions.
void check_regularization(const RegularizationOptions& options, const Blueprint& blueprint);

}  // namespace concertina
