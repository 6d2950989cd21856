// The tensors that a training run resumes with: parameters, moments, averaged weights and the
// objective's state. Saves them with the progress, restores them, and makes them equal in all
// processes.
#pragma once

#include <optional>
#include <string_view>

#include "distill/train/adamw.h"
#include "distill/train/checkpoint.h"
#include "distill/train/communicator.h"
#include "distill/train/learner.h"
#include "distill/train/options.h"
#include "distill/train/weight_average.h"

namespace concertina {

// Not thread-safe.
class RunState {
 public:
  // Both must outlive it. Every process makes each call of what follows.
  RunState(Learner& learner, const TrainOptions& options, Communicator& communicator);

  // One update, of the average too: see AdamW::step. All processes have the same parameters then.
  void step(const Gradients& gradients, double lr, const at::Tensor& scale);
  // Whether each process has a part of the moments only (distill/train/moment_shards.h): then
  // saving needs all processes.
  bool is_sharded() const { return sharded_; }

  // While the result lives, the learner's parameters hold the weights that `ema.save` names, or the
  // others.
  ExchangedWeights use_saved_weights();
  ExchangedWeights use_other_weights();
  std::string_view other_weights() const;  // their name: "ema" or "weights"; "" without EMA

  // Rank 0 reads the newest checkpoint and broadcasts it. Without one, everything is as it was and
  // the progress is that of a new run. Errors: those of CheckpointFolder::restore.
  TrainProgress restore(const CheckpointFolder& checkpoints);
  // Rank 0 writes.
  void save(const CheckpointFolder& checkpoints, const TrainProgress& progress);
  void save_keeping_older(const CheckpointFolder& checkpoints, const TrainProgress& progress);

 private:
  TensorMap state_tensors();  // of the objective, and the average
  void take(TensorMap state);
  void broadcast(TrainProgress& progress, const OptimizerState& optimizer);
  OptimizerState whole_optimizer_state();
  WeightAverage* average() { return average_ ? &*average_ : nullptr; }  // null without EMA

  Learner& learner_;
  Communicator& communicator_;
  bool sharded_;
  SavedWeights saved_;
  AdamW optimizer_;
  std::optional<WeightAverage> average_;
};

}  // namespace concertina
