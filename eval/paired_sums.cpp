#include "eval/paired_sums.h"

#include <cmath>
#include <utility>

#include "core/errors.h"
#include "eval/cholesky.h"

namespace concertina {
namespace {

constexpr double kFlat = 1e-10;        // of a variance, relative to the largest: it carries nothing
constexpr double kRankEpsilon = 1e-7;  // Garrido et al. 2023

at::Tensor centred_gram(const PairedSums& sums) {
  return sums.xx - at::outer(sums.x, sums.x) / sums.count;
}

at::Tensor centred_cross(const PairedSums& sums) {
  return sums.xy - at::outer(sums.x, sums.y) / sums.count;
}

PairedSums combined(const PairedSums& a, const PairedSums& b, double sign) {
  CONCERTINA_ASSERT(at::equal(a.shift, b.shift));
  PairedSums sum = a;
  sum.count = a.count + sign * b.count;
  sum.x = at::add(a.x, b.x, sign);
  sum.y = at::add(a.y, b.y, sign);
  sum.xx = at::add(a.xx, b.xx, sign);
  sum.xy = at::add(a.xy, b.xy, sign);
  sum.yy = at::add(a.yy, b.yy, sign);
  return sum;
}

}  // namespace

PairedSums::PairedSums(at::Tensor about, int64_t targets) : shift(std::move(about)) {
  const int64_t width = shift.size(0);
  x = at::zeros({width}, at::kDouble);
  y = at::zeros({targets}, at::kDouble);
  xx = at::zeros({width, width}, at::kDouble);
  xy = at::zeros({width, targets}, at::kDouble);
  yy = at::zeros({targets}, at::kDouble);
}

void PairedSums::add(const at::Tensor& features, const at::Tensor& targets) {
  const int64_t n = features.size(0);
  CONCERTINA_ASSERT(targets.size(0) == n && targets.size(1) == y.size(0));
  if (n == 0) return;
  const at::Tensor moved = features - shift.to(at::kFloat);
  const at::Tensor turned = moved.t();
  // Not in place: copies of sums share their tensors.
  count += static_cast<double>(n);
  x = x + moved.sum(0);
  y = y + targets.sum(0);
  xx = xx + turned.mm(moved);
  xy = xy + turned.mm(targets);
  yy = yy + targets.square().sum(0);
}

PairedSums operator+(const PairedSums& a, const PairedSums& b) { return combined(a, b, 1); }

PairedSums operator-(const PairedSums& whole, const PairedSums& part) {
  return combined(whole, part, -1);
}

PairedSums narrow_targets(const PairedSums& sums, int64_t first, int64_t count) {
  PairedSums part = sums;
  part.y = sums.y.narrow(0, first, count);
  part.xy = sums.xy.narrow(1, first, count);
  part.yy = sums.yy.narrow(0, first, count);
  return part;
}

std::vector<RidgeFit> fit_ridges(const PairedSums& sums, std::span<const double> shrinkages) {
  CONCERTINA_ASSERT(sums.count > 0);
  const at::Tensor covariance = centred_gram(sums) / sums.count;
  const at::Tensor variance = covariance.diagonal();
  const at::Tensor scale = at::where(variance > kFlat * variance.max(),
                                     variance.clamp_min(0).rsqrt(), at::zeros_like(variance));
  const at::Tensor left = covariance * scale.unsqueeze(1) * scale;
  const at::Tensor right = centred_cross(sums) / sums.count * scale.unsqueeze(1);
  std::vector<RidgeFit> fits;
  for (const double shrinkage : shrinkages) {
    const at::Tensor weight = solve_shrunk(left, 1, shrinkage, right) * scale.unsqueeze(1);
    fits.push_back(
        {shrinkage, weight, (sums.y - sums.x.unsqueeze(0).mm(weight).squeeze(0)) / sums.count});
  }
  return fits;
}

at::Tensor squared_errors(const RidgeFit& fit, const PairedSums& sums) {
  const at::Tensor predicted =
      sums.x.unsqueeze(0).mm(fit.weight).squeeze(0);  // sums, less the bias
  const at::Tensor errors = sums.yy - 2 * (fit.weight * sums.xy).sum(0) - 2 * fit.bias * sums.y +
                            (fit.weight * sums.xx.mm(fit.weight)).sum(0) +
                            2 * fit.bias * predicted + sums.count * fit.bias.square();
  return errors.clamp_min(0);
}

at::Tensor squared_deviations(const PairedSums& sums) {
  return (sums.yy - sums.y.square() / sums.count).clamp_min(0);
}

double linear_cka(const PairedSums& sums, double target_norm) {
  const double below = centred_gram(sums).norm().item<double>() * target_norm;
  return below > 0 ? centred_cross(sums).square().sum().item<double>() / below : 0;
}

double centred_gram_norm(const at::Tensor& y) {
  const at::Tensor centred = y.to(at::kDouble) - y.to(at::kDouble).mean(0);
  return centred.t().mm(centred).norm().item<double>();
}

double rankme(const PairedSums& sums) {
  const at::Tensor joint = at::outer(sums.x, sums.shift);
  const at::Tensor gram =
      sums.xx + joint + joint.t() + sums.count * at::outer(sums.shift, sums.shift);
  const at::Tensor singular = at::linalg_eigvalsh(gram).clamp_min(0).sqrt();
  const double total = singular.sum().item<double>();
  if (!(total > 0)) return 1;
  const at::Tensor share = singular / total + kRankEpsilon;
  return std::exp(-(share * share.log()).sum().item<double>());
}

}  // namespace concertina
