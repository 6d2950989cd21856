// A run's curves for TensorBoard: loss and its terms, learning rate, gradient norm, speed, and the
// validation loss of each size. `tensorboard --logdir RUN` shows all stages of a run.
#pragma once

#include <filesystem>

#include "core/event_file.h"
#include "distill/train/observer.h"

namespace concertina {

class TensorBoard : public TrainObserver {
 public:
  // Events go to FOLDER/events.out.tfevents.0.concertina, one file over all sessions.
  explicit TensorBoard(const std::filesystem::path& folder);
  void on_start(const StartReport& start) override;
  void on_step(const StepReport& report) override;
  void on_validation(const ValidationReport& report) override;

 private:
  EventFile events_;
  int64_t interval_ = 1;
};

}  // namespace concertina
