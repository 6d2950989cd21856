// Loyalty of a student to its teacher (Avram et al. 2021), without labels: how often both choose the
// same class, how alike their probabilities are, and how their outputs correlate. The paper compares
// outputs of classifiers; here the classes are k-means units of the teacher's rows.
#pragma once

#include <ATen/ATen.h>

#include <span>

#include "core/rng.h"
#include "eval/task.h"

namespace concertina {

struct LoyaltyUnits {
  at::Tensor centroids;    // [K, M] float
  double temperature = 1;  // of squared distances, in their unit
};

// At most 100 units of about 10,000 of the rows [n, M] float, n >= 1. The temperature is by how much the
// squared distance to the second nearest centroid exceeds that to the nearest, a mean over these rows: it
// scales with the rows, whatever their width.
LoyaltyUnits fit_loyalty_units(const at::Tensor& rows, const Rng& rng);

// Softmax of -|row - centroid|^2 / temperature: rows [n, M] -> [n, K] double.
at::Tensor unit_probabilities(const LoyaltyUnits& units, const at::Tensor& rows);

// 1 - sqrt(JSD) of each pair of distributions [n, K], with the Jensen-Shannon divergence in bits: [n],
// 1 for equal ones and 0 for disjoint ones.
at::Tensor probability_loyalties(const at::Tensor& p, const at::Tensor& q);

// How the frames of one clip agree: sums over them, the last five by channel, [M] double.
struct ClipAgreement {
  double frames = 0;
  double labels = 0;         // frames whose nearest centroids are the same
  double probabilities = 0;  // sum of probability_loyalties()
  at::Tensor y, p, yy, pp, yp;
};
// Rows of the teacher and what the student gives for them, both [n, M]. Thread-safe.
ClipAgreement clip_agreement(const LoyaltyUnits& units, const at::Tensor& teacher,
                             const at::Tensor& student);

// Over the clips of a split; the rate is the score, between 0 and 1 but for the last two.
ClipHits label_loyalty(std::span<const ClipAgreement> clips);
ClipHits probability_loyalty(std::span<const ClipAgreement> clips);
// Pearson's r, a mean over the channels in which the teacher varies, 0 where the student does not. A
// clip's hit is its part of the covariance and its total the mean of its parts of both variances, all about
// the means of the split: a resample repeats them to first order.
ClipHits pearson_loyalty(std::span<const ClipAgreement> clips);
// The share of the teacher's squared deviations that the student's rows explain.
ClipHits explained_deviations(std::span<const ClipAgreement> clips);

}  // namespace concertina
