// Linear probes in closed form. Both kinds are solved from the same sums of one pass over the
// frames, so that no frame is kept; many shrinkages are solved at once. Not thread-safe.
//
//   ProbeSums sums(classes);
//   for (...) sums.add(features, labels);
//   std::vector<LinearProbe> probes = solve_probes(sums, ProbeKind::kLda, {1e-3, 1e-2});
//   at::Tensor guess = probes[0].scores(features).argmax(1);
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace concertina {

enum class ProbeKind {
  kRidge,  // least squares to the one-hot label with an L2 penalty; shrinkage = penalty / frames,
           // on unit-variance features
  kLda  // linear discriminants, one covariance; shrinkage = weight of the scaled identity (Friedman
        // 1989)
};

class ProbeSums {
 public:
  // About `shift` [D] double; undefined: the first batch's mean.
  explicit ProbeSums(int64_t classes, at::Tensor shift = {});
  // features [n, D] float, labels [n] int64 in [0, classes). Products in fp32 about the shift, sums
  // in double.
  void add(const at::Tensor& features, const at::Tensor& labels);
  // Both about the same shift, as are the results.
  ProbeSums operator+(const ProbeSums& other) const;
  ProbeSums operator-(const ProbeSums& part) const;
  // Of features x P, P [D, W] double: the sums need not be taken again.
  ProbeSums projected(const at::Tensor& projection) const;

  int64_t classes() const { return classes_; }
  double count() const;  // frames seen
  const at::Tensor& shift() const {
    return shift_;
  }  // [D] double, subtracted from everything below
  const at::Tensor& gram() const { return gram_; }                  // [D, D] double
  const at::Tensor& class_sums() const { return class_sums_; }      // [C, D] double
  const at::Tensor& class_counts() const { return class_counts_; }  // [C] double

 private:
  int64_t classes_;
  at::Tensor shift_, gram_, class_sums_, class_counts_;
};

// [D]: 1 / standard deviation for variances [D]; 0 for a feature that carries nothing, whose variance
// is 1e-10 of the largest or less.
at::Tensor unit_variance_scale(const at::Tensor& variance);

struct LinearProbe {
  double shrinkage = 0;
  at::Tensor weight;                                    // [D, C] float
  at::Tensor bias;                                      // [C] float; -inf for classes never seen
  at::Tensor scores(const at::Tensor& features) const;  // [n, D] -> [n, C]
};

// One probe for each shrinkage, in that order. At least one frame must have been added.
std::vector<LinearProbe> solve_probes(const ProbeSums& sums, ProbeKind kind,
                                      std::span<const double> shrinkages);

// The shrinkages that are tried, weakest last, so that a tie goes to the stronger one.
std::span<const double> default_shrinkages(ProbeKind kind);

}  // namespace concertina
