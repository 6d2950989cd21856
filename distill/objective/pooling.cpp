#include "distill/objective/pooling.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>

namespace concertina {
namespace {

// [N] of each vector: its nearest centre.
at::Tensor nearest(const at::Tensor& vectors, const at::Tensor& centres) {
  const at::Tensor products = at::matmul(vectors, centres.t());
  return (centres.square().sum(1) - products * 2).argmin(1);
}

at::Tensor means_of_nearest(const at::Tensor& vectors, const at::Tensor& centres) {
  const at::Tensor owner = nearest(vectors, centres);
  const at::Tensor sums = at::zeros_like(centres).index_add(0, owner, vectors);
  const at::Tensor counts = at::zeros({centres.size(0)}, centres.options())
                                .index_add(0, owner, at::ones_like(vectors.select(1, 0)));
  return at::where((counts > 0).unsqueeze(1), sums / counts.clamp_min(1).unsqueeze(1), centres);
}

}  // namespace

at::Tensor pooled_over(const at::Tensor& x, const at::Tensor& valid) {
  const int64_t length = std::min(x.size(1), valid.size(1));
  const at::Tensor where = valid.narrow(1, 0, length).unsqueeze(2);
  const at::Tensor count = where.sum(1).clamp_min(1).to(at::kFloat);
  return at::where(where, x.narrow(1, 0, length), 0.0).sum(1) / count;
}

at::Tensor fitted_memory(const at::Tensor& vectors, int64_t count, const Rng& rng) {
  Rng draws = rng;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(draws.next_u64());
  const at::Tensor mean = vectors.mean(0);
  const at::Tensor deviation = vectors.std(0, /*unbiased=*/false);
  const at::Tensor drawn = at::empty({count, vectors.size(1)}).normal_(0, 1, generator);
  return means_of_nearest(vectors, drawn.to(vectors.device()) * deviation + mean);
}

at::Tensor cluster_centres(const at::Tensor& vectors, int64_t count, int32_t rounds,
                           const Rng& rng) {
  Rng draws = rng;
  const auto total = static_cast<double>(vectors.size(0));
  const auto last = vectors.size(0) - 1;
  auto chosen = std::min(last, static_cast<int64_t>(draws.uniform() * total));
  at::Tensor centres = vectors.narrow(0, chosen, 1);
  at::Tensor distance;  // squared, to the nearest centre
  while (centres.size(0) < count) {
    const at::Tensor added = (vectors - centres.slice(0, -1)).square().sum(1).to(at::kDouble);
    distance = distance.defined() ? at::minimum(distance, added) : added;
    const at::Tensor sums = distance.cumsum(0);
    const double at_sum = draws.uniform() * sums[last].item<double>();
    chosen = std::min(last, (sums <= at_sum).sum().item<int64_t>());
    centres = at::cat({centres, vectors.narrow(0, chosen, 1)});
  }
  for (int32_t i = 0; i < rounds; ++i) centres = means_of_nearest(vectors, centres);
  return centres;
}

}  // namespace concertina
