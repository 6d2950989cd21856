// The training loop. Observers report its progress. Resumed runs are bit-identical to uninterrupted
// ones: the data and the subnets of a step depend on the seed and the step only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "core/stop.h"
#include "distill/data/prefetcher.h"
#include "distill/train/checkpoint.h"
#include "distill/train/communicator.h"
#include "distill/train/gradient_reducer.h"
#include "distill/train/learner.h"
#include "distill/train/observer.h"
#include "distill/train/options.h"
#include "distill/train/run_state.h"
#include "distill/train/step_guard.h"
#include "distill/train/weight_average.h"

namespace concertina {

struct TrainOutcome {
  TrainState state;
  double wall_s = 0;            // over all sessions
  bool finished = false;        // false: the time limit came first
  ValidationReport validation;  // of the last step
};

class Trainer {
 public:
  // All references must outlive the trainer. Step i trains on the batches i * accumulate and up. In a run of several processes each has its shard of the
  // training batches and of validation; gradients and losses are means over all, and rank 0 alone
  // reads and writes checkpoints.
  struct Setup {
    Learner& learner;
    const BatchSource& training;
    const BatchSource& validation;  // batches 0..n-1 of it
    TrainOptions options;
    const CheckpointFolder& checkpoints;
    std::vector<TrainObserver*> observers;
    Communicator& communicator;
  };
  explicit Trainer(Setup setup);

  // Resumes from the newest checkpoint. A time limit saves and returns; a signal to any process
  // saves and throws Interrupted in all. State is saved before each validation, and when anything
  // else is thrown, errors of reading and writing among them. A step whose loss or gradient is not
  // finite, or where a subnet's loss exceeds `guard` times the running mean of its role (a loss
  // spike), is skipped; NumericError after kMaxSkippedSteps in a row. On another device than the
  // CPU the losses of a step are read, and reported, when the next one has been queued on the
  // device, so that it never waits.
  TrainOutcome run(StopToken stop);

  // While the result lives, the learner's parameters hold the weights that `ema.save` names.
  // Observers are called so at validations.
  ExchangedWeights use_saved_weights() { return run_state_.use_saved_weights(); }

  static constexpr int64_t kMaxSkippedSteps = 5;

 private:
  using Clock = std::chrono::steady_clock;
  struct PendingStep {  // its values are being copied to the host
    StepReport report;
    Clock::time_point start;
    bool by_role;
    Readback values;
  };
  TrainOutcome train(StopToken stop);
  void restore();
  void save();
  bool checkpoint_due(double seconds) const;  // since the last one
  void save_after_error() noexcept;
  void check_weights();
  void step(const std::vector<TrainingBatch>& batches);
  void complete_steps(size_t keep_pending);
  void record(PendingStep& step);
  bool validation_due() const;
  void take_snapshot();
  bool out_of_patience() const;
  ValidationReport validate(bool scheduled);

  Setup setup_;
  Gradients gradients_;
  GradientReducer reducer_;
  RunState run_state_;
  StepGuard guard_;
  std::deque<PendingStep> pending_;
  TrainProgress progress_;   // of all steps but the pending ones, which count in `step` alone
  std::string skip_reason_;  // of the last skipped step
  bool weights_may_differ_ = false;  // between processes
  Clock::time_point last_recorded_;
  double audio_s_per_s_ = 0;
};

}  // namespace concertina
