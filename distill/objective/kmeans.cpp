#include "distill/objective/kmeans.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <tuple>
#include <vector>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr int64_t kRows = 8192;           // points of one block of work
constexpr int64_t kSeedsPerCluster = 50;  // points sampled for seeding, a cluster

struct Nearest {
  at::Tensor index, distance;  // [N] int64, [N] squared distance less the point's own norm
};

Nearest nearest(const at::Tensor& points, const at::Tensor& centroids) {
  const at::Tensor norms = centroids.square().sum(1);
  std::vector<at::Tensor> index, distance;
  for (const at::Tensor& block : points.split(kRows)) {
    auto [value, place] = at::addmm(norms, block, centroids.t(), 1, -2).min(1);
    index.push_back(place);
    distance.push_back(value);
  }
  return {at::cat(index), at::cat(distance)};
}

// An index drawn with probability proportional to its weight.
int64_t draw(const at::Tensor& weights, Rng& rng) {
  const float* w = weights.const_data_ptr<float>();
  double total = 0;
  for (int64_t i = 0; i < weights.numel(); ++i) total += w[i];
  double at = rng.uniform() * total;
  for (int64_t i = 0; i < weights.numel(); ++i) {
    at -= w[i];
    if (at < 0) return i;
  }
  return rng.below(weights.numel());
}

at::Tensor squared_distance(const at::Tensor& points, const at::Tensor& centre) {
  return (points - centre).square().sum(1);
}

at::Tensor seed_centroids(const at::Tensor& points, int32_t clusters, Rng& rng) {
  const int64_t count = std::min(points.size(0), kSeedsPerCluster * clusters);
  at::Tensor rows = at::empty({count}, at::kLong);
  for (int64_t i = 0; i < count; ++i) rows.data_ptr<int64_t>()[i] = rng.below(points.size(0));
  const at::Tensor sample = points.index_select(0, rows);
  std::vector<at::Tensor> centroids = {sample[rng.below(count)]};
  at::Tensor closest = squared_distance(sample, centroids[0]);
  while (static_cast<int32_t>(centroids.size()) < clusters) {
    centroids.push_back(sample[draw(closest, rng)]);
    closest = at::minimum(closest, squared_distance(sample, centroids.back()));
  }
  return at::stack(centroids);
}

// Mean of each cluster's points, by one-hot products; counts [clusters, 1].
std::pair<at::Tensor, at::Tensor> cluster_means(const at::Tensor& points, const at::Tensor& index,
                                                int32_t clusters) {
  at::Tensor sums = at::zeros({clusters, points.size(1)});
  at::Tensor counts = at::zeros({clusters, 1});
  const auto blocks = points.split(kRows);
  const auto indices = index.split(kRows);
  for (size_t b = 0; b < blocks.size(); ++b) {
    at::Tensor one_hot = at::zeros({clusters, blocks[b].size(0)});
    one_hot.scatter_(0, indices[b].unsqueeze(0), 1.0);
    sums.addmm_(one_hot, blocks[b]);
    counts.add_(one_hot.sum(1, true));
  }
  return {sums / counts.clamp_min(1), counts};
}

void reseed_empty(at::Tensor& centroids, const at::Tensor& counts, const at::Tensor& points,
                  const at::Tensor& distance) {
  const at::Tensor empty = counts.squeeze(1).eq(0).nonzero().squeeze(1);
  if (empty.numel() == 0) return;
  const at::Tensor far = std::get<1>((distance + points.square().sum(1)).topk(empty.numel()));
  centroids.index_copy_(0, empty, points.index_select(0, far));
}

at::Tensor kmeans_once(const at::Tensor& points, int32_t clusters, int32_t iterations, Rng rng) {
  at::Tensor centroids = seed_centroids(points, clusters, rng);
  for (int32_t i = 0; i < iterations; ++i) {
    const Nearest found = nearest(points, centroids);
    auto [means, counts] = cluster_means(points, found.index, clusters);
    reseed_empty(means, counts, points, found.distance);
    centroids = means;
  }
  return centroids;
}

}  // namespace

at::Tensor kmeans(const at::Tensor& points, int32_t clusters, int32_t iterations, const Rng& rng,
                  int32_t restarts) {
  CONCERTINA_ASSERT(clusters >= 1 && points.dim() == 2 && points.size(0) >= clusters);
  at::NoGradGuard no_grad;
  at::Tensor best = kmeans_once(points, clusters, iterations, rng);
  double lowest = restarts > 0 ? distortion(points, best) : 0;
  for (int32_t i = 1; i <= restarts; ++i) {
    const at::Tensor other =
        kmeans_once(points, clusters, iterations, rng.fork("restart", static_cast<uint64_t>(i)));
    const double its = distortion(points, other);
    if (its < lowest) {
      best = other;
      lowest = its;
    }
  }
  return best;
}

double distortion(const at::Tensor& points, const at::Tensor& centroids) {
  at::NoGradGuard no_grad;
  const at::Tensor relative = nearest(points, centroids).distance;
  return (relative + points.square().sum(1)).mean(at::kDouble).item<double>();
}

at::Tensor nearest_centroid(const at::Tensor& points, const at::Tensor& centroids) {
  at::NoGradGuard no_grad;
  return nearest(points, centroids).index;
}

}  // namespace concertina
