// metrics.jsonl: one JSON object a line. A step:
//   {"step":10,"loss":3.71,"terms":{"masked":3.75},"lr":1e-4,"grad_norm":6.1,"audio_s_per_s":167,"wall_s":1.4}
// a skipped one has "skipped":true; a validation
// {"step":250,"validation":{"largest":2.9,...},"terms":{"largest":{...}}}.
#pragma once

#include <filesystem>

#include "distill/train/trainer.h"

namespace concertina {

// Of the steps of a run, every how many get a line: about two thousand do.
int64_t steps_between_lines(int64_t steps);

class MetricsFile : public TrainObserver {
 public:
  explicit MetricsFile(std::filesystem::path path);
  void on_start(const StartReport& start) override;  // drops lines of what will be done again
  void on_step(const StepReport& report) override;   // about two thousand lines a run
  void on_validation(const ValidationReport& report) override;

 private:
  std::filesystem::path path_;
  int64_t every_ = 1;
};

}  // namespace concertina
