#include "distill/train/shared_front_end.h"

#include <algorithm>

namespace concertina {

std::vector<std::vector<size_t>> by_front_end(const std::vector<Architecture>& architectures) {
  std::vector<std::vector<size_t>> groups;
  for (size_t i = 0; i < architectures.size(); ++i) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& members) {
      return architectures[members.front()].conv_channels() == architectures[i].conv_channels();
    });
    if (group == groups.end()) {
      groups.push_back({i});
    } else {
      group->push_back(i);
    }
  }
  return groups;
}

const Features& SharedFrontEnd::of(const Subnet& subnet, const SpeechBatch& batch) {
  if (output.defined()) return cut;
  cut = features_of(subnet, batch, every_frame, penalty > 0 ? &mean_square : nullptr);
  output = cut.x;
  cut.x = output.detach().requires_grad_(output.requires_grad());
  return cut;
}

void SharedFrontEnd::backward(size_t subnets) const {
  if (!output.requires_grad()) return;  // log-mel features have nothing to learn
  const at::Tensor gradient = cut.x.grad();
  if (!gradient.defined()) return;
  if (penalty == 0) return output.backward(gradient);
  const at::Tensor penalties = mean_square * (penalty * static_cast<double>(subnets));
  ((output * gradient).sum() + penalties).backward();
}

}  // namespace concertina
