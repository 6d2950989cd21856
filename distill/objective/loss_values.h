// The numbers of a loss on the host, and as a row that processes can add up.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <vector>

#include "distill/objective/objective.h"

namespace concertina {

struct LossValues {
  double total = 0;
  std::vector<std::pair<std::string, double>> terms;
};

LossValues values_of(const LossBreakdown& loss);  // the host waits until they are there
void add(LossValues& sum, const LossValues& value, double weight);  // `sum` may be fresh

// [1 + terms] fp64: total and terms; on the device of the loss, or on the CPU.
at::Tensor row_of(const LossBreakdown& loss);
at::Tensor row_of(const LossValues& values);
void take_row(const double* row, LossValues& values);  // into the terms that are there

}  // namespace concertina
