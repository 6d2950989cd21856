// Lloyd's k-means with k-means++ seeding (Arthur & Vassilvitskii 2007), by matrix products in fp32.
// The same points, generator and number of threads give the same centroids.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "core/rng.h"

namespace concertina {

// points [N, D] fp32, N >= clusters >= 1 -> centroids [clusters, D]. The centroid of an empty
// cluster is moved to the point farthest from the centroid it is assigned to.
// `restarts` further runs from other seeds; the run with the lowest distortion is kept, the first of
// equals.
at::Tensor kmeans(const at::Tensor& points, int32_t clusters, int32_t iterations, const Rng& rng,
                  int32_t restarts = 0);

// Mean squared distance of the points to their nearest centroids.
double distortion(const at::Tensor& points, const at::Tensor& centroids);

// Index of the nearest centroid of each point (the lowest among equals): [N] int64.
at::Tensor nearest_centroid(const at::Tensor& points, const at::Tensor& centroids);

}  // namespace concertina
