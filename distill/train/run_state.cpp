#include "distill/train/run_state.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <utility>

#include "core/errors.h"

namespace concertina {
namespace {

const std::string kAverage = "ema/";  // before the names of parameters

// The same text at all processes as at rank 0.
std::string broadcast_text(const std::string& own, double& wall_s, Communicator& communicator) {
  const at::Tensor sizes = at::tensor({static_cast<double>(own.size()), wall_s}, at::kDouble);
  communicator.broadcast(sizes);
  const at::Tensor text = at::zeros({std::llround(sizes[0].item<double>())}, at::kByte);
  if (communicator.is_rank_zero()) std::memcpy(text.data_ptr(), own.data(), own.size());
  communicator.broadcast(text);
  wall_s = sizes[1].item<double>();
  return {static_cast<const char*>(text.const_data_ptr()), static_cast<size_t>(text.numel())};
}

}  // namespace

RunState::RunState(Learner& learner, const TrainOptions& options)
    : learner_(learner),
      saved_(options.ema.save),
      optimizer_(learner.parameters(), options.optimizer) {
  if (options.ema.decay > 0) average_.emplace(learner.parameters(), options.ema.decay);
}

ExchangedWeights RunState::use_saved_weights() {
  return {learner_.parameters(), saved_ == SavedWeights::kEma ? average() : nullptr};
}

ExchangedWeights RunState::use_other_weights() {
  return {learner_.parameters(), saved_ == SavedWeights::kWeights ? average() : nullptr};
}

std::string_view RunState::other_weights() const {
  if (!average_) return "";
  return enum_name(saved_ == SavedWeights::kEma ? SavedWeights::kWeights : SavedWeights::kEma);
}

TrainProgress RunState::restore(const CheckpointFolder& checkpoints, Communicator& communicator) {
  TrainProgress progress;
  if (communicator.is_rank_zero()) {
    TensorMap state;
    const auto saved = checkpoints.restore(learner_.parameters(), optimizer_, &state);
    if (saved) {
      progress = *saved;
      take(std::move(state));
    }
  }
  if (!communicator.is_single_process()) broadcast(progress, communicator);
  return progress;
}

TensorMap RunState::state_tensors() {
  TensorMap state = learner_.state();
  if (!average_) return state;
  for (const auto& [name, tensor] : average_->views(learner_.parameters())) {
    state[kAverage + name] = tensor;
  }
  return state;
}

void RunState::take(TensorMap state) {
  at::NoGradGuard no_grad;
  if (average_) {
    for (const auto& [name, into] : average_->views(learner_.parameters())) {
      const auto from = state.find(kAverage + name);
      if (from == state.end() || from->second.sizes() != into.sizes()) {
        throw InputError(fmt::format("the checkpoint has no averaged weights of {}", name));
      }
      into.copy_(from->second);
    }
  }
  std::erase_if(state, [](const auto& entry) { return entry.first.starts_with(kAverage); });
  learner_.set_state(state);
}

void RunState::save(const CheckpointFolder& checkpoints, const TrainProgress& progress) {
  checkpoints.save(progress, learner_.parameters(), optimizer_, state_tensors());
}

void RunState::save_keeping_older(const CheckpointFolder& checkpoints,
                                  const TrainProgress& progress) {
  checkpoints.save_keeping_older(progress, learner_.parameters(), optimizer_, state_tensors());
}

// All have objective states of the same names and shapes; that of rank 0 may be from a checkpoint.
void RunState::broadcast(TrainProgress& progress, Communicator& communicator) {
  const std::string own = to_json(progress.state);
  progress.state = parse_train_state(broadcast_text(own, progress.wall_s, communicator));
  for (const at::Tensor& tensor :
       {learner_.parameters().flat(), optimizer_.first_moment(), optimizer_.second_moment(),
        optimizer_.updates().view(at::kByte)}) {
    communicator.broadcast(tensor);
  }
  if (average_) communicator.broadcast(average_->flat());
  TensorMap state = learner_.state();
  for (auto& [name, tensor] : state) {
    tensor = tensor.clone(at::MemoryFormat::Contiguous);
    communicator.broadcast(tensor);
  }
  learner_.set_state(state);
}

}  // namespace concertina
