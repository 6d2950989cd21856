#include "distill/learner.h"

#include <ATen/core/grad_mode.h>

#include "core/errors.h"

namespace concertina {
namespace {

std::vector<Parameters::Init> all_parameters(const Learner::Setup& setup) {
  const Supernet& student = setup.student;
  const Storage& storage = student.storage();
  auto values =
      trainable(student.weights(), tensor_slices(student.blueprint(), storage, storage.largest));
  values.insert(values.end(), setup.heads.begin(), setup.heads.end());
  return values;
}

std::vector<std::pair<std::string, double>> numbers(
    const std::vector<std::pair<std::string, at::Tensor>>& terms) {
  std::vector<std::pair<std::string, double>> result;
  for (const auto& [name, value] : terms) result.emplace_back(name, value.item<double>());
  return result;
}

}  // namespace

struct Learner::Bound {
  Leaves leaves;
  Subnet subnet;
};

Learner::Learner(Setup setup)
    : setup_(std::move(setup)), parameters_(all_parameters(setup_), setup_.device) {
  if (setup_.device != at::kCPU) setup_.student = setup_.student.to(setup_.device);
  if (setup_.teacher) {
    const Supernet teacher = setup_.teacher->to(setup_.device);
    teacher_ = teacher.slice(teacher.space().largest(), setup_.dtype);
  }
}

Learner::Bound Learner::bind(const Architecture& architecture) const {
  const Supernet& student = setup_.student;
  auto slices = tensor_slices(student.blueprint(), student.storage(), architecture);
  TensorMap fixed;
  for (const TensorSlice& slice : slices) {
    if (slice.trained) continue;
    fixed[slice.name] = take(student.weights().at(slice.name), slice);
  }
  const auto heads = setup_.objective->slices(architecture);
  slices.insert(slices.end(), heads.begin(), heads.end());
  Leaves leaves(parameters_, std::move(slices), setup_.dtype);
  TensorMap tensors = leaves.tensors();
  tensors.merge(fixed);
  return {std::move(leaves), make_subnet(student.blueprint(), architecture, std::move(tensors))};
}

LossBreakdown Learner::loss_of(const Bound& bound, const SpeechBatch& batch,
                               const at::Tensor& target) const {
  const Wants wants = setup_.objective->student_wants(bound.subnet.architecture.depth());
  const EncoderOutput output = encode(bound.subnet, batch, wants);
  return setup_.objective->loss({output, bound.subnet.tensors, target, batch.mask});
}

at::Tensor Learner::target(const Crops& crops, const SpeechBatch& batch) const {
  if (!teacher_) return crops.units.to(setup_.device);
  return target_of(*setup_.objective, *teacher_, {batch.waveform, batch.lengths, {}});
}

SpeechBatch Learner::on_device(const SpeechBatch& batch) const {
  const at::Tensor mask = batch.mask.defined() ? batch.mask.to(setup_.device) : at::Tensor();
  return {batch.waveform.to(setup_.device), batch.lengths, mask};
}

LossValues Learner::learn(const Crops& crops, int64_t step, Gradients& gradients) {
  const SpeechBatch batch = on_device(crops.speech);
  const std::vector<SampledSubnet> subnets = setup_.sampler->draw(step);
  const double share = 1.0 / static_cast<double>(subnets.size());
  at::Tensor goal = target(crops, batch);
  LossBreakdown mean;
  for (size_t i = 0; i < subnets.size(); ++i) {
    const Bound bound = bind(subnets[i].architecture);
    LossBreakdown loss = loss_of(bound, batch, goal);
    loss.total.backward();
    bound.leaves.accumulate(gradients, share);
    const at::Tensor part = loss.total.detach();
    mean.total = mean.total.defined() ? mean.total + part * share : part * share;
    if (subnets.size() == 1) {
      mean.terms = std::move(loss.terms);
    } else {
      mean.terms.emplace_back(subnets[i].role, part);
    }
    if (i == 0 && setup_.in_place && loss.prediction.defined()) goal = loss.prediction;
  }
  return {mean.total.item<double>(), numbers(mean.terms)};
}

LossValues Learner::evaluate(const Crops& crops, const Architecture& architecture) {
  at::NoGradGuard no_grad;
  const SpeechBatch batch = on_device(crops.speech);
  const LossBreakdown loss = loss_of(bind(architecture), batch, target(crops, batch));
  return {loss.total.item<double>(), numbers(loss.terms)};
}

Supernet Learner::student(std::string provenance) const {
  TensorMap weights = setup_.student.weights();
  for (auto& [name, tensor] : weights) {
    const auto trained = parameters_.views().find(name);
    const at::Tensor& now = trained == parameters_.views().end() ? tensor : trained->second;
    tensor = now.detach().to(at::kCPU).clone(at::MemoryFormat::Contiguous);
  }
  return Supernet(space(), std::move(weights), std::move(provenance));
}

TensorMap Learner::heads() const {
  TensorMap heads;
  for (const Parameters::Init& init : setup_.heads) {
    heads[init.name] = parameters_.views().at(init.name).detach().to(at::kCPU).clone();
  }
  return heads;
}

}  // namespace concertina
