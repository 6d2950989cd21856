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
  RunState(Learner& learner, const TrainOptions& options);  // `learner` must outlive it

  AdamW& optimizer() { return optimizer_; }
  WeightAverage* average() { return average_ ? &*average_ : nullptr; }  // null without EMA

  // While the result lives, the learner's parameters hold the weights that `ema.save` names, or the
  // others.
  ExchangedWeights use_saved_weights();
  ExchangedWeights use_other_weights();
  std::string_view other_weights() const;  // their name: "ema" or "weights"; "" without EMA

  // Rank 0 reads the newest checkpoint and broadcasts it. Without one, everything is as it was and
  // the progress is that of a new run. Errors: those of CheckpointFolder::restore.
  TrainProgress restore(const CheckpointFolder& checkpoints, Communicator& communicator);
  void save(const CheckpointFolder& checkpoints, const TrainProgress& progress);
  void save_keeping_older(const CheckpointFolder& checkpoints, const TrainProgress& progress);

 private:
  TensorMap state_tensors();  // of the objective, and the average
  void take(TensorMap state);
  void broadcast(TrainProgress& progress, Communicator& communicator);

  Learner& learner_;
  SavedWeights saved_;
  AdamW optimizer_;
  std::optional<WeightAverage> average_;
};

}  // namespace concertina
