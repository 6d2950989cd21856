#include "search/ridge.h"

#include <algorithm>
#include <cmath>

namespace concertina {
namespace {

// A symmetric positive definite matrix in its lower Cholesky factor, row-major.
class Cholesky {
 public:
  Cholesky(std::vector<double> matrix, size_t size) : factor_(std::move(matrix)), size_(size) {
    for (size_t i = 0; i < size_; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        double sum = at(i, j);
        for (size_t k = 0; k < j; ++k) sum -= at(i, k) * at(j, k);
        at(i, j) = i == j ? std::sqrt(sum) : sum / at(j, j);
      }
    }
  }

  // L z = b in place; |z|^2 is then b' A^-1 b.
  void forward(std::span<double> b) const {
    for (size_t i = 0; i < size_; ++i) {
      for (size_t k = 0; k < i; ++k) b[i] -= at(i, k) * b[k];
      b[i] /= at(i, i);
    }
  }
  // L' x = z in place.
  void backward(std::span<double> z) const {
    for (size_t i = size_; i-- > 0;) {
      for (size_t k = i + 1; k < size_; ++k) z[i] -= at(k, i) * z[k];
      z[i] /= at(i, i);
    }
  }

 private:
  double& at(size_t i, size_t j) { return factor_[i * size_ + j]; }
  double at(size_t i, size_t j) const { return factor_[i * size_ + j]; }

  std::vector<double> factor_;
  size_t size_;
};

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

Ridge solve_ridge(std::span<const double> rows, std::span<const double> target,
                  std::span<const double> base_leverage, double lambda) {
  const size_t count = target.size(), width = rows.size() / count;
  std::vector<double> gram(width * width, 0.0), weights(width, 0.0);
  for (size_t r = 0; r < count; ++r) {
    const auto row = rows.subspan(r * width, width);
    for (size_t i = 0; i < width; ++i) {
      weights[i] += row[i] * target[r];
      for (size_t j = 0; j < width; ++j) gram[i * width + j] += row[i] * row[j];
    }
  }
  for (size_t i = 0; i < width; ++i) gram[i * width + i] += lambda;
  const Cholesky cholesky(std::move(gram), width);
  cholesky.forward(weights);
  cholesky.backward(weights);

  Ridge ridge{std::move(weights), {}, 0};
  for (size_t r = 0; r < count; ++r) {
    const auto row = rows.subspan(r * width, width);
    std::vector<double> z(row.begin(), row.end());
    cholesky.forward(z);
    const double leverage = base_leverage[r] + dot(z, z);
    ridge.held_out.push_back((target[r] - dot(row, ridge.weights)) / std::max(1 - leverage, 1e-9));
  }
  ridge.loss = dot(ridge.held_out, ridge.held_out);
  return ridge;
}

}  // namespace concertina
