#include "distill/objective/mixture.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace concertina {
namespace {

constexpr int64_t kMembersPerWeight = 12;
constexpr double kDifferenceWeight = 0.7, kCrossover = 0.9;  // F and CR

at::Tensor normalised_weights(const at::Tensor& weights) {
  const at::Tensor positive = weights.abs() + 1e-12;
  return positive / positive.sum(-1, true);
}

// On the simplex, uniformly; the first two are `start` and equal weights.
at::Tensor first_members(const at::Tensor& start, Rng& rng) {
  const int64_t weights = start.size(0), members = kMembersPerWeight * weights;
  std::vector<double> draws(static_cast<size_t>((members - 2) * weights));
  for (double& draw : draws) draw = -std::log(1 - rng.uniform());
  const at::Tensor random =
      at::tensor(draws, at::kDouble).view({members - 2, weights}).to(start.options());
  return normalised_weights(
      at::cat({start.unsqueeze(0), at::ones_like(start).unsqueeze(0), random}));
}

// Which members a generation's mutants are made of, three others for each, and which of their weights they keep.
struct Generation {
  std::vector<int64_t> members;  // [3, count]
  std::vector<double> kept;      // [count, weights]: 1 where the old member's weight is
};

Generation drawn_generation(int64_t count, int64_t weights, Rng& rng) {
  Generation drawn;
  drawn.members.resize(static_cast<size_t>(3 * count));
  drawn.kept.assign(static_cast<size_t>(count * weights), 0);
  for (int64_t i = 0; i < count; ++i) {
    std::vector<int64_t> used = {i};
    while (used.size() < 4) {
      const int64_t other = rng.below(count);
      if (std::find(used.begin(), used.end(), other) == used.end()) used.push_back(other);
    }
    for (int64_t k = 0; k < 3; ++k)
      drawn.members[static_cast<size_t>(k * count + i)] = used[static_cast<size_t>(k + 1)];
    const int64_t always = rng.below(weights);
    for (int64_t j = 0; j < weights; ++j) {
      const bool crossed = rng.chance(kCrossover) || j == always;
      drawn.kept[static_cast<size_t>(i * weights + j)] = crossed ? 0 : 1;
    }
  }
  return drawn;
}

at::Tensor trial_members(const at::Tensor& population, Rng& rng) {
  const int64_t count = population.size(0), weights = population.size(1);
  const Generation drawn = drawn_generation(count, weights, rng);
  const at::Tensor members = at::tensor(drawn.members, at::kLong).to(population.device());
  const at::Tensor kept = at::tensor(drawn.kept, at::kDouble).to(population.options());
  const auto others = population.index_select(0, members).chunk(3);
  const at::Tensor mutants = others[0] + (others[1] - others[2]) * kDifferenceWeight;
  return normalised_weights(at::lerp(mutants, population, kept.view({count, weights})));
}

}  // namespace

at::Tensor mixture_cross_entropy(const at::Tensor& weights, const at::Tensor& probabilities) {
  const at::Tensor mixed = at::matmul(weights, probabilities.t().to(weights.scalar_type()));
  return -mixed.clamp_min(1e-30).log().mean(-1);
}

at::Tensor evolved_weights(const at::Tensor& start, const at::Tensor& probabilities,
                           int64_t generations, Rng rng) {
  at::Tensor population = first_members(start, rng);
  at::Tensor entropy = mixture_cross_entropy(population, probabilities);
  for (int64_t i = 0; i < generations; ++i) {
    const at::Tensor trial = trial_members(population, rng);
    const at::Tensor other = mixture_cross_entropy(trial, probabilities);
    population = at::where(other.le(entropy).unsqueeze(1), trial, population);
    entropy = at::minimum(entropy, other);
  }
  return population.index_select(0, entropy.argmin().view({1})).squeeze(0);
}

}  // namespace concertina
