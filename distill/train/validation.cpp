#include "distill/train/validation.h"

#include <algorithm>
#include <cmath>

namespace concertina {
namespace {

// Of a mean of batches, of which `variance` is the mean squared distance from it.
double standard_error(double variance, int64_t batches) {
  return batches < 2 ? 0 : std::sqrt(std::max(0.0, variance) / static_cast<double>(batches - 1));
}

}  // namespace

std::vector<std::pair<std::string, LossValues>> validation_losses(Learner& learner,
                                                                  const BatchSource& batches,
                                                                  int32_t clips,
                                                                  Communicator& communicator) {
  std::vector<std::pair<std::string, LossValues>> sizes;
  std::vector<Architecture> architectures;
  for (const auto& [name, architecture] : learner.sampler().sizes()) {
    sizes.emplace_back(name, LossValues{});
    architectures.push_back(architecture);
  }
  const int64_t count = batches.batch_count(clips);
  const bool shared = count >= communicator.world_size();
  double seconds = 0;
  std::vector<double> squares(sizes.size());
  for (int64_t b = shared ? communicator.rank() : 0; b < count;
       b += shared ? communicator.world_size() : 1) {
    const TrainingBatch crops = batches.at(b);
    const std::vector<LossValues> values = learner.evaluate(crops, architectures);
    for (size_t i = 0; i < values.size(); ++i) {
      accumulate(sizes[i].second, values[i], crops.seconds);
      squares[i] += crops.seconds * values[i].total * values[i].total;
    }
    seconds += crops.seconds;
  }
  const at::Tensor all = at::full({1}, seconds, at::kDouble);
  if (shared) communicator.all_reduce(all);
  for (size_t i = 0; i < sizes.size(); ++i) {
    LossValues& loss = sizes[i].second;
    const at::Tensor row = at::cat({loss_row(loss), at::full({1}, squares[i], at::kDouble)});
    if (shared) communicator.all_reduce(row);
    row.div_(all);
    set_from_row(loss, row.const_data_ptr<double>());
    const double square = row[-1].item<double>();
    loss.standard_error = standard_error(square - loss.total * loss.total, count);
  }
  return sizes;
}

ValidationReport validation_report(Learner& learner, RunState& state, const BatchSource& batches,
                                   int32_t clips, Communicator& communicator) {
  const auto losses = [&] { return validation_losses(learner, batches, clips, communicator); };
  ValidationReport report;
  report.other_weights = state.other_weights();
  if (!report.other_weights.empty()) {
    const ExchangedWeights others = state.use_other_weights();
    report.other_sizes = losses();
  }
  const ExchangedWeights saved = state.use_saved_weights();
  report.sizes = losses();
  return report;
}

}  // namespace concertina
