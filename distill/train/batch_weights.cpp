#include "distill/train/batch_weights.h"

namespace concertina {

double seconds_of(const std::vector<TrainingBatch>& batches) {
  double seconds = 0;
  for (const TrainingBatch& batch : batches) seconds += batch.seconds;
  return seconds;
}

std::vector<double> batch_weights(const std::vector<TrainingBatch>& batches,
                                  Communicator& communicator) {
  if (communicator.is_single_process() && batches.size() == 1) return {1};
  const at::Tensor all = at::full({1}, seconds_of(batches), at::kDouble);
  communicator.all_reduce(all);
  const double scale = communicator.world_size() / all.item<double>();
  std::vector<double> weights;
  for (const TrainingBatch& batch : batches) weights.push_back(batch.seconds * scale);
  return weights;
}

}  // namespace concertina
