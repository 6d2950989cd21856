#include "eval/probes.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "core/errors.h"
#include "eval/cholesky.h"

namespace concertina {
namespace {

constexpr double kLeastVariance = 1e-12;
constexpr double kNoVariance = 1e-10;  // relative to the largest

struct Moments {
  double n = 0;
  at::Tensor mean;         // [D], about the shift
  at::Tensor class_means;  // [C, D], about the shift
  at::Tensor prior;        // [C]
  at::Tensor total;        // [D, D] covariance
  at::Tensor scale;        // [D] 1 / standard deviation
};

Moments moments_of(const ProbeSums& sums) {
  Moments m;
  m.n = sums.count();
  m.mean = sums.class_sums().sum(0) / m.n;
  m.class_means = sums.class_sums() / sums.class_counts().clamp_min(1).unsqueeze(1);
  m.prior = sums.class_counts() / m.n;
  m.total = (sums.gram() / m.n).sub_(at::outer(m.mean, m.mean));
  m.scale = unit_variance_scale(m.total.diagonal());
  return m;
}

// In place.
at::Tensor scaled(const at::Tensor& covariance, const at::Tensor& scale) {
  return covariance.mul_(scale.unsqueeze(1)).mul_(scale);
}

struct System {
  at::Tensor matrix;  // [D, D], without shrinkage
  double level = 1;   // of the identity
  at::Tensor right;   // [D, C]
};

System ridge_system(const Moments& m) {
  const at::Tensor joint = (m.class_means - m.mean) * m.prior.unsqueeze(1);
  return {scaled(m.total.clone(), m.scale), 1, (joint * m.scale).t()};
}

System lda_system(const Moments& m) {
  const at::Tensor centred = m.class_means - m.mean;
  const at::Tensor right = (centred * m.scale).t();
  // Where each class has one frame, what is left are rounding errors; without them the class of the
  // nearest mean is chosen.
  if (m.n <= m.prior.count_nonzero().item<double>()) return {at::zeros_like(m.total), 1, right};
  const at::Tensor between = (centred * m.prior.unsqueeze(1)).t().mm(centred);
  const at::Tensor within = scaled(m.total - between, m.scale);
  return {within, std::max(within.diagonal().mean().item<double>(), kLeastVariance), right};
}

// [K, D, C] that act on raw features.
at::Tensor solve(const Moments& m, ProbeKind kind, std::span<const double> shrinkages) {
  const System system = kind == ProbeKind::kRidge ? ridge_system(m) : lda_system(m);
  std::vector<at::Tensor> solved;
  for (const double shrinkage : shrinkages) {
    const double kept = kind == ProbeKind::kRidge ? 1 : 1 - shrinkage;
    solved.push_back(solve_shrunk(system.matrix, kept, shrinkage * system.level, system.right));
  }
  return at::stack(solved) * m.scale.view({1, -1, 1});
}

// [K, C] for weights [K, D, C] that act on raw features.
at::Tensor biases(const Moments& m, const at::Tensor& shift, const at::Tensor& weights,
                  ProbeKind kind) {
  at::Tensor bias;
  if (kind == ProbeKind::kRidge) {
    bias = m.prior;
  } else {
    const at::Tensor centred = m.class_means - m.mean;
    bias = m.prior.log() - 0.5 * (weights * centred.t()).sum(1);
  }
  bias = bias - at::matmul(shift + m.mean, weights);
  return at::where(m.prior > 0, bias,
                   at::full_like(bias, -std::numeric_limits<double>::infinity()));
}

}  // namespace

at::Tensor unit_variance_scale(const at::Tensor& variance) {
  return at::where(variance > kNoVariance * variance.max(), variance.clamp_min(0).rsqrt(),
                   at::zeros_like(variance));
}

ProbeSums::ProbeSums(int64_t classes, at::Tensor shift)
    : classes_(classes),
      shift_(std::move(shift)),
      class_counts_(at::zeros({classes}, at::kDouble)) {}

void ProbeSums::add(const at::Tensor& features, const at::Tensor& labels) {
  const int64_t n = features.size(0), width = features.size(1);
  if (n == 0) return;
  if (!shift_.defined()) shift_ = features.mean(0).to(at::kDouble);
  if (!gram_.defined()) {
    gram_ = at::zeros({width, width}, at::kDouble);
    class_sums_ = at::zeros({classes_, width}, at::kDouble);
  }
  CONCERTINA_ASSERT(width == shift_.size(0) && labels.size(0) == n);
  const at::Tensor centred = features - shift_.to(at::kFloat);
  const at::Tensor one_hot = at::one_hot(labels, classes_).to(at::kFloat);
  gram_ += centred.t().mm(centred);
  class_sums_ += one_hot.t().mm(centred);
  class_counts_ += one_hot.sum(0);
}

ProbeSums ProbeSums::operator+(const ProbeSums& other) const {
  CONCERTINA_ASSERT(at::equal(shift_, other.shift_));
  if (!other.gram_.defined()) return *this;
  if (!gram_.defined()) return other;
  ProbeSums sum(classes_, shift_);
  sum.gram_ = gram_ + other.gram_;
  sum.class_sums_ = class_sums_ + other.class_sums_;
  sum.class_counts_ = class_counts_ + other.class_counts_;
  return sum;
}

ProbeSums ProbeSums::operator-(const ProbeSums& part) const {
  CONCERTINA_ASSERT(at::equal(shift_, part.shift_));
  if (!part.gram_.defined()) return *this;
  ProbeSums rest(classes_, shift_);
  rest.gram_ = gram_ - part.gram_;
  rest.class_sums_ = class_sums_ - part.class_sums_;
  rest.class_counts_ = class_counts_ - part.class_counts_;
  return rest;
}

ProbeSums ProbeSums::projected(const at::Tensor& projection) const {
  if (!shift_.defined()) return *this;
  ProbeSums sums(classes_, shift_.matmul(projection));
  if (!gram_.defined()) return sums;
  sums.gram_ = projection.t().mm(gram_).mm(projection);
  sums.class_sums_ = class_sums_.mm(projection);
  sums.class_counts_ = class_counts_;
  return sums;
}

double ProbeSums::count() const { return class_counts_.sum().item<double>(); }

at::Tensor LinearProbe::scores(const at::Tensor& features) const {
  return at::addmm(bias, features, weight);
}

std::vector<LinearProbe> solve_probes(const ProbeSums& sums, ProbeKind kind,
                                      std::span<const double> shrinkages) {
  CONCERTINA_ASSERT(sums.count() > 0);
  const Moments m = moments_of(sums);
  const at::Tensor weights = solve(m, kind, shrinkages);
  const at::Tensor bias = biases(m, sums.shift(), weights, kind);
  std::vector<LinearProbe> probes;
  for (size_t k = 0; k < shrinkages.size(); ++k) {
    const auto row = static_cast<int64_t>(k);
    probes.push_back({shrinkages[k], weights[row].to(at::kFloat), bias[row].to(at::kFloat)});
  }
  return probes;
}

std::span<const double> default_shrinkages(ProbeKind kind) {
  static constexpr std::array<double, 5> kRidge = {1e-1, 1e-2, 1e-3, 1e-4, 1e-5};
  static constexpr std::array<double, 5> kLda = {0.3, 0.1, 1e-2, 1e-3, 1e-4};
  if (kind == ProbeKind::kRidge) return kRidge;
  return kLda;
}

}  // namespace concertina
