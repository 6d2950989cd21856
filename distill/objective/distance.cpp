#include "distill/objective/distance.h"

namespace concertina {
namespace {

at::Tensor layer_normed(const at::Tensor& x) {
  return at::layer_norm(x, {x.size(-1)}, {}, {}, 1e-5);
}

}  // namespace

at::Tensor frame_distance(Distance distance, const at::Tensor& a, const at::Tensor& b) {
  if (distance == Distance::kCosine) return 1 - at::cosine_similarity(a, b, -1);
  if (distance == Distance::kNmse) return 2 - 2 * at::cosine_similarity(a, b, -1);
  if (distance == Distance::kLayerNormMse)
    return (layer_normed(a) - layer_normed(b)).square().mean(-1);
  const bool unit = distance == Distance::kUnitL1;
  const at::Tensor difference = unit ? unit_vectors(a) - unit_vectors(b) : a - b;
  return (unit || distance == Distance::kL1 ? difference.abs() : difference.square()).mean(-1);
}

at::Tensor log_sigmoid_cosine(const at::Tensor& a, const at::Tensor& b) {
  return -at::log_sigmoid(at::cosine_similarity(a, b, -1));
}

at::Tensor unit_vectors(const at::Tensor& x) {
  return x / x.norm(2, at::IntArrayRef{-1}, true).clamp_min(1e-8);
}

}  // namespace concertina
