// Linear regression, linear CKA and effective rank of features in closed form, from sums of one pass over
// the frames: no frame is kept. Everything is in double; products of a batch are made in fp32 about a
// shift near the mean.
#pragma once

#include <ATen/ATen.h>

#include <span>
#include <vector>

namespace concertina {

// Sums over frames of features x, less `shift`, and of target rows y. M may be 0. Both operands of + and -
// have the same shift, as has the result.
struct PairedSums {
  PairedSums() = default;
  PairedSums(at::Tensor about, int64_t targets);                    // about [D] double
  void add(const at::Tensor& features, const at::Tensor& targets);  // [n, D], [n, M] float

  double count = 0;
  at::Tensor shift;  // [D]
  at::Tensor x, y;   // [D], [M]
  at::Tensor xx;     // [D, D]
  at::Tensor xy;     // [D, M]
  at::Tensor yy;     // [M]: of squares
};
PairedSums operator+(const PairedSums& a, const PairedSums& b);
PairedSums operator-(const PairedSums& whole, const PairedSums& part);
// Of the targets [first, first + count) alone.
PairedSums narrow_targets(const PairedSums& sums, int64_t first, int64_t count);

struct RidgeFit {
  double shrinkage = 0;
  at::Tensor weight;  // [D, M] of features less the shift
  at::Tensor bias;    // [M]
};
// Least squares with an L2 penalty; shrinkage = penalty / frames, on unit-variance features, as
// ProbeKind::kRidge has it. Features without variance get no weight. At least one frame.
std::vector<RidgeFit> fit_ridges(const PairedSums& sums, std::span<const double> shrinkages);

// [M]: sum over the frames of `sums` of (y - prediction)^2.
at::Tensor squared_errors(const RidgeFit& fit, const PairedSums& sums);
// [M]: sum of (y - mean of y)^2.
at::Tensor squared_deviations(const PairedSums& sums);

// ||Y'X||_F^2 / (||X'X||_F ||Y'Y||_F) of centred X and Y (Kornblith et al. 2019); `target_norm` is
// ||Y'Y||_F. 0 where either has no variance.
double linear_cka(const PairedSums& sums, double target_norm);
double centred_gram_norm(const at::Tensor& y);  // ||Y'Y||_F of centred y [n, M]

// RankMe (Garrido et al. 2023): exp of the entropy of the singular values of the frames [n, D], not
// centred, scaled to sum 1; between 1 and D.
double rankme(const PairedSums& sums);

}  // namespace concertina
