#include "distill/objective/oracle_guard.h"

#include "distill/objective/objective.h"

namespace concertina {
namespace {

constexpr double kTolerance = 0.01;

// [B, K]: the share of each clip's valid frames that have a unit.
at::Tensor unit_shares(const at::Tensor& units, const at::Tensor& valid, int64_t count) {
  const at::Tensor seen = valid.unsqueeze(2).to(at::kFloat);
  const at::Tensor frames = seen.sum(1).clamp_min(1);
  return (at::one_hot(units, count).to(at::kFloat) * seen).sum(1) / frames;
}

// Mean over frames of what predictions and units agree on beyond chance.
at::Tensor beyond_chance(const at::Tensor& predicted, const at::Tensor& units,
                         const at::Tensor& valid, int64_t count) {
  const at::Tensor chance =
      (unit_shares(predicted, valid, count) * unit_shares(units, valid, count)).sum(1, true);
  return mean_where(predicted.eq(units).to(at::kFloat) - chance, valid);
}

}  // namespace

OracleGuard oracle_guard(const OraclePrediction& predict, const at::Tensor& units,
                         const at::Tensor& valid, int64_t count) {
  const at::Tensor wrong_units = (units + count / 2).remainder(count);
  const auto hits = [&](const at::Tensor& predicted) {
    return mean_where(predicted.eq(units).to(at::kFloat), valid);
  };
  const at::Tensor misled = predict(wrong_units).argmax(-1);
  return {.right = hits(predict(units).argmax(-1)),
          .hidden = hits(predict({}).argmax(-1)),
          .wrong = hits(misled),
          .followed = beyond_chance(misled, wrong_units, valid, count)};
}

bool holds(const OracleGuard& guard) {
  const double hidden = guard.hidden.item<double>();
  return guard.right.item<double>() > hidden && guard.wrong.item<double>() <= hidden + kTolerance &&
         guard.followed.item<double>() <= kTolerance;
}

}  // namespace concertina
