#include "distill/objective/regression.h"

#include <algorithm>

namespace concertina {

at::Tensor mean_distance(Distance distance, const at::Tensor& prediction, const at::Tensor& target,
                         const at::Tensor& valid) {
  const int64_t length = std::min(prediction.size(1), target.size(1));
  const at::Tensor distances =
      frame_distance(distance, prediction.narrow(1, 0, length), target.narrow(1, 0, length));
  return mean_where(distances, valid.narrow(1, 0, length));
}

at::Tensor hidden_of(const EncoderOutput& student, int32_t layer) {
  return valid_only(student.frames, student.hidden[static_cast<size_t>(layer)]);
}

at::Tensor at_base_frames(const Frames& frames, const at::Tensor& x) {
  return to_base_frames(frames, valid_only(frames, x)).to(at::kFloat);
}

at::Tensor valid_pairs(const at::Tensor& valid) {
  return valid.unsqueeze(2).logical_and(valid.unsqueeze(1));
}

at::Tensor no_loss(const EncoderOutput& student) {
  return student.frames.x.narrow(0, 0, 0).sum().to(at::kFloat);
}

void WeightedMean::add(const at::Tensor& x, double weight) {
  const at::Tensor part = x * weight;
  sum_ = sum_.defined() ? sum_ + part : part;
  weights_ += weight;
}

}  // namespace concertina
