#include "distill/train/validation.h"

namespace concertina {

std::vector<std::pair<std::string, LossValues>> losses_of_sizes(Learner& learner,
                                                                const BatchSource& batches,
                                                                int32_t clips,
                                                                Communicator& communicator) {
  std::vector<std::pair<std::string, LossValues>> sizes;
  std::vector<Architecture> architectures;
  for (const auto& [name, architecture] : learner.sampler().sizes()) {
    sizes.emplace_back(name, LossValues{});
    architectures.push_back(architecture);
  }
  const int64_t count = batches.batches_of(clips);
  const bool shared = count >= communicator.size();
  double seconds = 0;
  for (int64_t b = shared ? communicator.rank() : 0; b < count;
       b += shared ? communicator.size() : 1) {
    const Crops crops = batches.at(b);
    const std::vector<LossValues> values = learner.evaluate(crops, architectures);
    for (size_t i = 0; i < values.size(); ++i) add(sizes[i].second, values[i], crops.seconds);
    seconds += crops.seconds;
  }
  const at::Tensor all = at::full({1}, seconds, at::kDouble);
  if (shared) communicator.sum(all);
  for (auto& [name, loss] : sizes) {
    const at::Tensor row = row_of(loss);
    if (shared) communicator.sum(row);
    row.div_(all);
    take_row(row.const_data_ptr<double>(), loss);
  }
  return sizes;
}

}  // namespace concertina
