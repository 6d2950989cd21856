// The values of a loss on the host, and as a row that an all-reduce can sum.
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
  double standard_error = 0;  // of a validation's total, from the spread over its batches
};

LossValues loss_values(const LossBreakdown& loss);  // the host waits for the device
void accumulate(LossValues& sum, const LossValues& value, double weight);  // `sum` may be empty

// [1 + terms] fp64: total and terms; on the device of the loss, or on the CPU.
at::Tensor loss_row(const LossBreakdown& loss);
at::Tensor loss_row(const LossValues& values);
void set_from_row(LossValues& values, const double* row);  // total and the terms that it has

}  // namespace concertina
