#include "distill/objective/pnmi.h"

namespace concertina {
namespace {

// -sum p log p over the entries that are not 0.
double entropy(const at::Tensor& p) { return -at::xlogy(p, p).sum().item<double>(); }

}  // namespace

double phone_normalised_information(const at::Tensor& counts) {
  const at::Tensor joint = counts.to(at::kDouble) / counts.sum().to(at::kDouble);
  const double of_phones = entropy(joint.sum(1));
  const double information = of_phones + entropy(joint.sum(0)) - entropy(joint);
  return of_phones > 0 ? information / of_phones : 0;
}

}  // namespace concertina
