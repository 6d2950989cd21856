#include "distill/objective/loss_values.h"

namespace concertina {

LossValues loss_values(const LossBreakdown& loss) {
  LossValues result{loss.total.item<double>(), {}};
  for (const auto& [name, value] : loss.terms)
    result.terms.emplace_back(name, value.item<double>());
  return result;
}

void accumulate(LossValues& sum, const LossValues& value, double weight) {
  sum.total += value.total * weight;
  if (sum.terms.empty()) {
    for (const auto& [name, term] : value.terms) sum.terms.emplace_back(name, 0.0);
  }
  for (size_t i = 0; i < sum.terms.size(); ++i)
    sum.terms[i].second += value.terms[i].second * weight;
}

at::Tensor loss_row(const LossBreakdown& loss) {
  std::vector<at::Tensor> row = {loss.total.to(at::kDouble)};
  for (const auto& [name, term] : loss.terms) row.push_back(term.to(at::kDouble));
  return at::stack(row);
}

at::Tensor loss_row(const LossValues& values) {
  std::vector<double> row = {values.total};
  for (const auto& [name, term] : values.terms) row.push_back(term);
  return at::tensor(row, at::kDouble);
}

void set_from_row(LossValues& values, const double* row) {
  values.total = row[0];
  for (size_t i = 0; i < values.terms.size(); ++i) values.terms[i].second = row[i + 1];
}

}  // namespace concertina
