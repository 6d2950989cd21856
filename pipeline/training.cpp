#include "pipeline/training.h"

#include <fmt/format.h>

#include "core/format.h"
#include "core/log.h"
#include "pipeline/stage.h"

namespace concertina {

void TrainingProgress::on_start(const StartReport& start) {
  if (start.step > 0) log_info("{}: resuming from step {} of {}", title_, start.step, start.steps);
  progress_ = std::make_unique<Progress>(title_, start.steps, start.step);
}

void TrainingProgress::on_step(const StepReport& report) {
  progress_->note(fmt::format("loss {:.3f}{}, {:.0f} audio-s/s, lr {:.2g}", report.loss.total,
                              validation_, report.audio_s_per_s, report.lr));
  progress_->advance();
}

void TrainingProgress::on_validation(const ValidationReport& report) {
  std::string sizes;
  validation_ = " (dev";
  for (const auto& [name, loss] : report.sizes) {
    sizes += fmt::format("{}{} {:.3f} (standard error {:.3f})", sizes.empty() ? "" : ", ", name,
                         loss.total, loss.standard_error);
    validation_ += fmt::format(" {:.3f}", loss.total);
  }
  validation_ += ")";
  std::string others;
  for (const auto& [name, loss] : report.other_sizes) {
    others += fmt::format("{}{} {:.3f}", others.empty() ? "" : ", ", name, loss.total);
  }
  if (!others.empty()) sizes += fmt::format("; of the {}: {}", report.other_weights, others);
  log_info("{}: step {}: validation loss: {}", title_, report.step, sizes);
}

StageContext training_context(uint64_t seed, const RunContext& run, const TrainingFlags& flags,
                              std::filesystem::path folder, TrainingProgress& progress) {
  const std::chrono::duration<double, std::ratio<60>> answer(flags.answer_minutes);
  StageContext context;
  context.communicator =
      make_communicator(run.launch, std::chrono::duration_cast<std::chrono::milliseconds>(answer));
  context.targets = folder.parent_path() / "targets";  // stages share what fits both
  context.folder = std::move(folder);
  context.seed = seed;
  context.device = run.device;
  context.existing = flags.existing;
  context.stop = run.stop;
  context.observers = {&progress};
  return context;
}

void apply_cap(TrainOptions& options, const TrainingFlags& flags) {
  if (flags.max_minutes > 0) options.max_minutes = flags.max_minutes;
}

void log_end(const std::string& title, const StageResult& result, const TrainOptions& options) {
  const auto& [state, wall_s, finished, validation] = result.outcome;
  log_info("{}: {} of {} steps, {} of audio in {}{}", title, state.step, options.steps,
           format_seconds(state.audio_s), format_seconds(wall_s),
           finished ? "" : "; stopped by the time limit, --resume continues");
}

std::string files_hash(const TrainOptions& options) {
  return content_hash(options.augment.noise_clips) +
         (options.init_from.empty() ? "" : content_hash(options.init_from / "model.safetensors"));
}

}  // namespace concertina
