// What the training stages and the verbs that train share.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <string>

#include "core/progress.h"
#include "distill/train/stage.h"
#include "pipeline/run_context.h"
#include "pipeline/training_flags.h"

namespace concertina {

// A progress bar with loss and speed, and a log line at each validation.
class TrainingProgress : public TrainObserver {
 public:
  explicit TrainingProgress(std::string title) : title_(std::move(title)) {}
  void on_start(const StartReport& start) override;
  void on_step(const StepReport& report) override;
  void on_validation(const ValidationReport& report) override;

 private:
  std::string title_, validation_;  // validation_: the last one, for the bar
  std::unique_ptr<Progress> progress_;
};

// Of a stage that trains in `folder`; `progress` outlives the training. Joins the process group
// of the run: SystemError when the rendezvous fails.
StageContext training_context(uint64_t seed, const RunContext& run, const TrainingFlags& flags,
                              std::filesystem::path folder, TrainingProgress& progress);
void apply_cap(TrainOptions& options, const TrainingFlags& flags);
void log_end(const std::string& title, const StageResult& result, const TrainOptions& options);
// Hash of the files that `options` name, for Stage::settings.
std::string files_hash(const TrainOptions& options);

}  // namespace concertina
