// What the trainer reports while it runs.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "distill/objective/loss_values.h"

namespace concertina {

struct StartReport {
  int64_t step = 0, steps = 0;  // done already; of the whole run
  bool validated = false;       // the validation of `step`, if there is one, is done too
};

struct StepReport {
  int64_t step = 0, steps = 0;  // this one, 1-based; of the whole run
  LossValues loss;
  double lr = 0;
  double grad_norm = 0;      // before clipping
  double audio_s_per_s = 0;  // over the last steps of this session, of all processes
  double wall_s = 0;         // over all sessions
  bool skipped = false;      // non-finite or exploding loss: no update was made
};

struct ValidationReport {
  int64_t step = 0;
  // Of the subnets that the sampler trains: "largest", "default", "smallest"; means over frames.
  // Those of the weights that are saved.
  std::vector<std::pair<std::string, LossValues>> sizes;
  // With EMA, the same of the other weights: "weights" or "ema".
  std::string other_weights;
  std::vector<std::pair<std::string, LossValues>> other_sizes;
  bool best = false;  // the lowest mean over the sizes so far
};

// Called on the trainer's thread, in order. Exceptions end the run.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void on_start(const StartReport&) {}
  virtual void on_step(const StepReport&) {}
  virtual void on_validation(const ValidationReport&) {}
  // Every `snapshot_every` steps and after the last one, before the state of that step is saved. The
  // learner has the weights to save.
  virtual void on_snapshot(int64_t /*step*/) {}
};

}  // namespace concertina
