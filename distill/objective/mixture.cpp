#include "distill/objective/mixture.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "supernet/nn/ops.h"

namespace concertina {
namespace {

constexpr int64_t kMembersPerWeight = 12;
constexpr double kDifferenceWeight = 0.7, kCrossover = 0.9;  // F and CR

at::Tensor normalised_weights(const at::Tensor& weights) {
  const at::Tensor positive = weights.abs() + 1e-12;
  return positive / positive.sum(-1, true);
}

// The random numbers of a run, drawn at once: a device gets them in one copy each, which the host does
// not wait for.
struct Draws {
  at::Tensor members;  // [members - 2, weights]: exponential; normalised, uniform on the simplex
  at::Tensor others;   // [generations, 3 members]: three others for each mutant
  at::Tensor kept;     // [generations, members, weights]: 1 where the old member's weight is kept
};

std::vector<int64_t> three_others(int64_t member, int64_t members, Rng& rng) {
  std::vector<int64_t> used = {member};
  while (used.size() < 4) {
    const int64_t other = rng.below(members);
    if (std::find(used.begin(), used.end(), other) == used.end()) used.push_back(other);
  }
  return {used.begin() + 1, used.end()};
}

Draws drawn(int64_t members, int64_t weights, int64_t generations, Rng& rng) {
  std::vector<double> first(static_cast<size_t>((members - 2) * weights));
  for (double& draw : first) draw = -std::log(1 - rng.uniform());
  std::vector<int64_t> others(static_cast<size_t>(generations * 3 * members));
  std::vector<double> kept;
  for (int64_t generation = 0; generation < generations; ++generation) {
    for (int64_t i = 0; i < members; ++i) {
      const std::vector<int64_t> three = three_others(i, members, rng);
      for (int64_t k = 0; k < 3; ++k)
        others[static_cast<size_t>((generation * 3 + k) * members + i)] =
            three[static_cast<size_t>(k)];
      const int64_t always = rng.below(weights);
      for (int64_t j = 0; j < weights; ++j)
        kept.push_back(rng.chance(kCrossover) || j == always ? 0 : 1);
    }
  }
  return {at::tensor(first, at::kDouble).view({members - 2, weights}),
          at::tensor(others, at::kLong).view({generations, 3 * members}),
          at::tensor(kept, at::kDouble).view({generations, members, weights})};
}

at::Tensor mutants_of(const at::Tensor& population, const at::Tensor& others,
                      const at::Tensor& kept) {
  const auto three = population.index_select(0, others).chunk(3);
  const at::Tensor mutants = three[0] + (three[1] - three[2]) * kDifferenceWeight;
  return normalised_weights(at::lerp(mutants, population, kept));
}

}  // namespace

at::Tensor mixture_cross_entropy(const at::Tensor& weights, const at::Tensor& probabilities) {
  const at::Tensor mixed = at::matmul(weights, probabilities.t().to(weights.scalar_type()));
  return -mixed.clamp_min(1e-30).log().mean(-1);
}

at::Tensor evolved_weights(const at::Tensor& start, const at::Tensor& probabilities,
                           int64_t generations, Rng rng) {
  const int64_t weights = start.size(0), members = kMembersPerWeight * weights;
  const Draws draws = drawn(members, weights, generations, rng);
  const auto sent = [&](const at::Tensor& t) { return to_device(t, start.device()); };
  const at::Tensor others = sent(draws.others), kept = sent(draws.kept.to(start.scalar_type())),
                   random = sent(draws.members.to(start.scalar_type()));
  at::Tensor population =
      normalised_weights(at::cat({start.unsqueeze(0), at::ones_like(start).unsqueeze(0), random}));
  at::Tensor entropy = mixture_cross_entropy(population, probabilities);
  for (int64_t i = 0; i < generations; ++i) {
    const at::Tensor trial = mutants_of(population, others[i], kept[i]);
    const at::Tensor other = mixture_cross_entropy(trial, probabilities);
    population = at::where(other.le(entropy).unsqueeze(1), trial, population);
    entropy = at::minimum(entropy, other);
  }
  return population.index_select(0, entropy.argmin().view({1})).squeeze(0);
}

}  // namespace concertina
