#include "eval/plda.h"

#include "core/errors.h"

namespace concertina {
namespace {

constexpr double kLeastWithin = 1e-12;

// On unit-variance features.
struct SpeakerVariance {
  double count = 0, speakers = 0, balance = 0;  // N, number of speakers, n0
  at::Tensor mean;                              // [D] of raw features
  at::Tensor scale;                             // [D]: 1 / standard deviation, 0 without variance
  at::Tensor within;                            // [D, D]
  at::Tensor means;  // [S, D]: means' * means is the mean square between speakers
};

SpeakerVariance variance_of(const ProbeSums& sums) {
  SpeakerVariance v;
  v.count = sums.count();
  const at::Tensor present = sums.class_counts().gt(0).nonzero().squeeze(1);
  const at::Tensor counts = sums.class_counts().index_select(0, present).unsqueeze(1);  // [S, 1]
  v.speakers = static_cast<double>(present.size(0));
  CONCERTINA_ASSERT(v.speakers >= 2 && v.count > v.speakers);
  v.balance = (v.count - counts.square().sum().item<double>() / v.count) / (v.speakers - 1);
  const at::Tensor mean = sums.class_sums().sum(0) / v.count;
  v.mean = sums.shift() + mean;
  const at::Tensor centred = sums.class_sums().index_select(0, present) / counts - mean;
  const at::Tensor scatter = sums.gram() - v.count * at::outer(mean, mean);
  v.scale = unit_variance_scale(scatter.diagonal() / v.count);
  const at::Tensor between = (centred * counts).t().mm(centred);
  v.within = (scatter - between) / (v.count - v.speakers) * v.scale.unsqueeze(1) * v.scale;
  v.means = centred * (counts / (v.speakers - 1)).sqrt() * v.scale;
  return v;
}

Plda fit_plda(const SpeakerVariance& v, double shrinkage) {
  const at::Tensor unit = at::eye(v.scale.size(0), v.scale.options());
  const at::Tensor level = v.within.diagonal().mean().clamp_min(kLeastWithin);
  const at::Tensor within = (1 - shrinkage) * v.within + shrinkage * level * unit;
  // The eigenvectors of W^-1 S from those of the small matrix means W^-1 means'.
  const at::Tensor solved = at::cholesky_solve(v.means.t(), at::linalg_cholesky(within));  // [D, S]
  const auto [values, vectors] = at::linalg_eigh(v.means.mm(solved));
  const at::Tensor between = (values - 1) / v.balance;
  const at::Tensor kept = between.gt(0).nonzero().squeeze(1);
  const at::Tensor directions =
      solved.mm(vectors.index_select(1, kept)) * values.index_select(0, kept).rsqrt();
  return {shrinkage, v.mean, directions * v.scale.unsqueeze(1), between.index_select(0, kept)};
}

}  // namespace

at::Tensor Plda::project(const at::Tensor& embeddings) const {
  return (embeddings.to(at::kDouble) - mean).mm(directions);
}

at::Tensor Plda::log_ratios(const at::Tensor& a, const at::Tensor& b) const {
  // A coordinate has variance 1 + B; of one speaker, the two have covariance B.
  const at::Tensor total = 1 + between, determinant = 1 + 2 * between;
  const at::Tensor squares = a.square() + b.square();
  const at::Tensor one_speaker = (total * squares - 2 * between * (a * b)) / determinant;
  return (total.log() - 0.5 * determinant.log() + 0.5 * (squares / total - one_speaker)).sum(1);
}

std::vector<Plda> fit_pldas(const ProbeSums& sums, std::span<const double> shrinkages) {
  const SpeakerVariance variance = variance_of(sums);
  std::vector<Plda> fits;
  for (const double shrinkage : shrinkages) fits.push_back(fit_plda(variance, shrinkage));
  return fits;
}

}  // namespace concertina
