// Weights of a mixture of predictors, w_k >= 0 with sum 1, that minimise its cross-entropy
// H(w) = -mean_n log sum_k w_k p_nk, where p_nk is what predictor k gave to the right label of frame n: by differential
// evolution, DE/rand/1/bin (Storn and Price 1997), as in Ganta et al. 2022. H is convex, so its optimum is known: a test
// compares both. Nothing here waits for its device.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "core/rng.h"

namespace concertina {

// weights [.., M], probabilities [N, M] -> [..]
at::Tensor mixture_cross_entropy(const at::Tensor& weights, const at::Tensor& probabilities);

// Weights [M] that are not worse than `start` [M]: the best of a population that has `start`, equal
// weights and random ones, after so many generations.
at::Tensor evolved_weights(const at::Tensor& start, const at::Tensor& probabilities,
                           int64_t generations, Rng rng);

}  // namespace concertina
