#include "distill/train/run_state.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <utility>

#include "core/errors.h"
#include "core/log.h"
#include "distill/train/moment_shards.h"

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

std::optional<ElementRange> own_range(const Parameters& parameters, bool sharded,
                                      const Communicator& communicator) {
  if (!sharded) return std::nullopt;
  return moment_range(parameters.flat().numel(), communicator.rank(), communicator.world_size());
}

double megabytes(int64_t floats) { return static_cast<double>(floats) * sizeof(float) * 1e-6; }

}  // namespace

RunState::RunState(Learner& learner, const TrainOptions& options, Communicator& communicator)
    : learner_(learner),
      communicator_(communicator),
      sharded_(options.optimizer.sharded && !communicator.is_single_process()),
      saved_(options.ema.save),
      optimizer_(learner.parameters(), options.optimizer,
                 own_range(learner.parameters(), sharded_, communicator)) {
  if (sharded_) {
    const OptimizerState& own = optimizer_.state();
    log_info(
        "optimizer.sharded: AdamW's moments take at most {:.1f} MB in this process, instead of "
        "{:.1f} MB",
        megabytes(2 * own.first_moment.numel()), megabytes(2 * own.updates.numel()));
  }
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

void RunState::step(const Gradients& gradients, double lr, const at::Tensor& scale) {
  const Parameters& parameters = learner_.parameters();
  optimizer_.step(parameters, gradients, lr, scale);
  if (sharded_) share_ranges(communicator_, parameters.flat());
  if (average_) average_->step(parameters, gradients, optimizer_.state().updates, scale);
}

TrainProgress RunState::restore(const CheckpointFolder& checkpoints) {
  TrainProgress progress;
  OptimizerState optimizer = optimizer_.state();
  if (communicator_.is_rank_zero()) {
    if (sharded_) {
      const int64_t numel = optimizer.updates.numel();
      optimizer.first_moment = at::zeros({numel}, at::kFloat);
      optimizer.second_moment = at::zeros({numel}, at::kFloat);
    }
    TensorMap state;
    const auto saved = checkpoints.restore(learner_.parameters(), optimizer, &state);
    if (saved) {
      progress = *saved;
      take(std::move(state));
    }
  }
  if (!communicator_.is_single_process()) broadcast(progress, optimizer);
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

OptimizerState RunState::whole_optimizer_state() {
  OptimizerState state = optimizer_.state();
  if (!sharded_) return state;
  const int64_t numel = state.updates.numel();
  state.first_moment = gather_moments(communicator_, state.first_moment, numel);
  state.second_moment = gather_moments(communicator_, state.second_moment, numel);
  return state;
}

void RunState::save(const CheckpointFolder& checkpoints, const TrainProgress& progress) {
  const OptimizerState optimizer = whole_optimizer_state();
  if (!communicator_.is_rank_zero()) return;
  checkpoints.save(progress, learner_.parameters(), optimizer, state_tensors());
}

void RunState::save_keeping_older(const CheckpointFolder& checkpoints,
                                  const TrainProgress& progress) {
  const OptimizerState optimizer = whole_optimizer_state();
  if (!communicator_.is_rank_zero()) return;
  checkpoints.save_keeping_older(progress, learner_.parameters(), optimizer, state_tensors());
}

// All have objective states of the same names and shapes; that of rank 0 may be from a checkpoint.
// `optimizer`: rank 0's, with all moments.
void RunState::broadcast(TrainProgress& progress, const OptimizerState& optimizer) {
  const std::string own = to_json(progress.state);
  progress.state = parse_train_state(broadcast_text(own, progress.wall_s, communicator_));
  communicator_.broadcast(learner_.parameters().flat());
  const OptimizerState& mine = optimizer_.state();
  const auto moment = [&](const at::Tensor& whole, const at::Tensor& part) {
    if (sharded_) {
      scatter_moments(communicator_, whole, part, mine.updates.numel());
    } else {
      communicator_.broadcast(part);
    }
  };
  moment(optimizer.first_moment, mine.first_moment);
  moment(optimizer.second_moment, mine.second_moment);
  communicator_.broadcast(mine.updates.view(at::kByte));
  if (average_) communicator_.broadcast(average_->flat());
  TensorMap state = learner_.state();
  for (auto& [name, tensor] : state) {
    tensor = tensor.clone(at::MemoryFormat::Contiguous);
    communicator_.broadcast(tensor);
  }
  learner_.set_state(state);
}

}  // namespace concertina
