// metrics.jsonl: one JSON object per line. A step:
//   {"step":10,"loss":3.71,"terms":{"masked":3.75},"lr":1e-4,"grad_norm":6.1,"audio_s_per_s":167,"wall_s":1.4}
// a skipped one has "skipped":true; a validation
// {"step":250,"validation":{"largest":2.9,...},"terms":{"largest":{...}}}, with EMA also
// "validation_ema":{"largest":2.8,...}, or "validation_weights" where the average is saved.
#pragma once

#include <filesystem>

#include "distill/train/observer.h"

namespace concertina {

// The interval at which the steps of a run are recorded, for about 2,000 records.
int64_t recording_interval(int64_t steps);

class MetricsFile : public TrainObserver {
 public:
  explicit MetricsFile(std::filesystem::path path);
  void on_start(const StartReport& start) override;  // drops the lines of steps that are repeated
  void on_step(const StepReport& report) override;
  void on_validation(const ValidationReport& report) override;

 private:
  std::filesystem::path path_;
  int64_t interval_ = 1;
};

}  // namespace concertina
