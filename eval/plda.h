// Probabilistic linear discriminant analysis for verification, in closed form from the sums of one
// pass (the two-covariance model: Bruemmer and de Villiers 2010; Ioffe 2006). An embedding is
//   x = mean + y + e,  y ~ N(0, B) of the speaker,  e ~ N(0, W) of the clip,
// and a trial is scored by the logarithm of the likelihood ratio of "one speaker" to "two". In the
// coordinates in which W is the identity and B diagonal this is a sum over coordinates, and those
// without variance between speakers add nothing: at most speakers - 1 of them are kept.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "eval/probes.h"

namespace concertina {

struct Plda {
  double shrinkage = 0;
  at::Tensor mean;  // [D] double
  at::Tensor
      directions;      // [D, K] double, of embeddings less the mean: unit variance within speakers
  at::Tensor between;  // [K] double: variance between speakers, above 0
  // [n, D] float -> [n, K] double, what log_ratios() compares.
  at::Tensor project(const at::Tensor& embeddings) const;
  // [n] double: log p(a, b | one speaker) - log p(a, b | two), of rows [n, K].
  at::Tensor log_ratios(const at::Tensor& a, const at::Tensor& b) const;
};

// One for each shrinkage, in that order; classes are speakers. W is the covariance within speakers
// (frames less speakers as denominator), on unit-variance features shrunk towards its scaled
// identity as ProbeKind::kLda has it; B = (S - W) / n0 with the mean square S between speakers and
// n0 = (N - sum n_s^2 / N) / (speakers - 1) (analysis of variance), without its negative part.
// At least two speakers, one of them with two embeddings.
std::vector<Plda> fit_pldas(const ProbeSums& sums, std::span<const double> shrinkages);

}  // namespace concertina
