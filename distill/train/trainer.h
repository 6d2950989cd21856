// The training loop. Observers see what happens; the checkpoint folder makes a run resumable to the
// bit: the data and the subnets of a step depend on the seed and the step only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "core/stop.h"
#include "distill/data/crops.h"
#include "distill/data/prefetcher.h"
#include "distill/train/checkpoint.h"
#include "distill/train/communicator.h"
#include "distill/train/gradient_exchange.h"
#include "distill/train/learner.h"
#include "distill/train/options.h"
#include "distill/train/step_guard.h"

namespace concertina {

struct StartReport {
  int64_t step = 0, steps = 0;  // done already; of the whole run
  bool validated = false;       // the validation of `step`, if there is one, is done too
};

struct StepReport {
  int64_t step = 0, steps = 0;  // this one, 1-based; how many there are
  LossValues loss;
  double lr = 0;
  double grad_norm = 0;      // before clipping
  double audio_s_per_s = 0;  // over the last steps of this session, of all processes
  double wall_s = 0;         // over all sessions
  bool skipped = false;      // numbers went bad: no update was made
};

struct ValidationReport {
  int64_t step = 0;
  // Those the sampler trains: "largest", "default", "smallest"; means over frames.
  std::vector<std::pair<std::string, LossValues>> sizes;
  bool best = false;  // the lowest mean over the sizes so far
};

// Called on the trainer's thread, in order. Exceptions end the run.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void on_start(const StartReport&) {}
  virtual void on_step(const StepReport&) {}
  virtual void on_validation(const ValidationReport&) {}
};

struct TrainOutcome {
  TrainState state;
  double wall_s = 0;            // over all sessions
  bool finished = false;        // false: the time cap came first
  ValidationReport validation;  // of the last step
};

class Trainer {
 public:
  // Validation uses batches 0..n-1 of `validation`. All references must outlive the trainer.
  // In a run of several processes each has its share of the training batches and of validation;
  // gradients and losses are means over all, and the first process alone reads and writes
  // checkpoints.
  Trainer(Learner& learner, const BatchSource& training, const BatchSource& validation,
          const TrainOptions& options, const CheckpointFolder& checkpoints,
          std::vector<TrainObserver*> observers, Communicator& communicator);

  // Goes on from the newest checkpoint. A time cap saves and returns; a signal to any process saves
  // and throws Interrupted in all. State is saved before each validation, and when anything else is
  // thrown, errors of reading and writing among them. A step whose loss or gradient is not finite,
  // or of which a subnet's loss is `guard` times the running mean of its role, changes nothing;
  // NumericError after kMostBadSteps in a row. On another device than the CPU the numbers of a step
  // are read, and reported, when the next one has been given to the device, so that it never waits.
  TrainOutcome run(StopToken stop);

  static constexpr int64_t kMostBadSteps = 5;

 private:
  using Clock = std::chrono::steady_clock;
  struct Begun {  // a step whose numbers are on their way
    StepReport report;
    Clock::time_point start;
    bool by_role;
    Readback numbers;
  };
  void restore();
  void share_state();
  TrainOutcome train(StopToken stop);
  void check_weights();
  void rescue() noexcept;
  bool validation_due() const;
  double weight_of(const Crops& crops) const;
  void step(const Crops& crops);
  void settle(size_t but);
  void count(Begun& step);
  void settle(Begun step);
  StopReason agree(StopReason mine) const;
  void refuse(const StepReport& report, const std::string& why);
  [[noreturn]] void give_up(int64_t step);
  ValidationReport validate(bool scheduled);
  void judge(ValidationReport& report, TrainState& after) const;
  void save();

  Learner& learner_;
  const BatchSource& training_;
  const BatchSource& validation_;
  TrainOptions options_;
  const CheckpointFolder& checkpoints_;
  std::vector<TrainObserver*> observers_;
  Communicator& communicator_;
  Gradients gradients_;
  GradientExchange exchange_;
  AdamW optimizer_;
  StepGuard guard_;
  std::deque<Begun> begun_;
  TrainState state_;  // of all steps but the begun ones, which count in `step` alone
  std::string bad_;   // why the last bad step was
  bool in_doubt_ = false;
  Clock::time_point settled_;
  double wall_s_ = 0, speed_ = 0;
};

}  // namespace concertina
