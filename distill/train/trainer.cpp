#include "distill/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/errors.h"
#include "core/log.h"
#include "core/memory.h"
#include "distill/train/batch_weights.h"
#include "distill/train/consistency.h"
#include "distill/train/schedule.h"
#include "distill/train/validation.h"

namespace concertina {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSpeedDecay = 0.95;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] void throw_too_many_skipped(int64_t step, const std::string& reason) {
  throw NumericError(fmt::format(
      "{} steps in a row were skipped, the last one, {}, because: {}; if the loss is healthy, "
      "resume with --resume and a larger optimizer.guard (0: off), else start again with a lower "
      "optimizer.lr or dtype: fp32",
      Trainer::kMaxSkippedSteps, step, reason));
}

// Appends the rows of a further batch of a step.
void add_rows(TensorMap& all, const TensorMap& more) {
  for (const auto& [name, tensor] : more) {
    at::Tensor& rows = all[name];
    rows = rows.defined() ? at::cat({rows, tensor}) : tensor;
  }
}

}  // namespace

Trainer::Trainer(Setup setup)
    : setup_(std::move(setup)),
      gradients_(setup_.learner.parameters()),
      reducer_(setup_.communicator, setup_.learner.parameters(), gradients_),
      run_state_(setup_.learner, setup_.options, setup_.communicator),
      guard_(setup_.options.optimizer, setup_.learner.device()) {}

TrainOutcome Trainer::run(StopToken stop) {
  const SavesOnStop saves;
  keep_freed_memory();
  restore();
  try {
    return train(std::move(stop));
  } catch (const Interrupted&) {
    throw;  // saved before
  } catch (...) {
    save_after_error();
    throw;
  }
}

TrainOutcome Trainer::train(StopToken stop) {
  const TrainOptions& options = setup_.options;
  TrainState& state = progress_.state;
  if (options.max_minutes > 0) {
    stop = stop.with_deadline(std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(options.max_minutes * 60)));
  }
  for (TrainObserver* observer : setup_.observers) {
    observer->on_start({state.step, options.steps, state.validated == state.step});
  }
  TrainOutcome outcome;
  Prefetcher prefetcher(setup_.training, state.step * options.accumulate, setup_.learner.device());
  auto last_save = Clock::now();
  const auto checked_save = [&] {
    complete_steps(0);
    check_weights();
    save();
  };
  StopReason reason = common_stop_reason(setup_.communicator, stop.reason());
  for (;;) {
    if (validation_due()) {
      checked_save();
      last_save = Clock::now();
      outcome.validation = validate(/*scheduled=*/true);
    }
    if (state.step >= options.steps || reason != StopReason::kNone || out_of_patience()) break;
    std::vector<TrainingBatch> batches;
    for (int32_t i = 0; i < options.accumulate; ++i) batches.push_back(prefetcher.next());
    step(batches);
    take_snapshot();
    if (checkpoint_due(seconds_since(last_save))) {
      complete_steps(0);
      if (state.skipped_in_a_row == 0) {
        save();
        last_save = Clock::now();
      }
    }
    reason = common_stop_reason(setup_.communicator, stop.reason());
  }
  if (state.step < options.steps && out_of_patience()) {
    log_info("training ends at step {}: {} validations without a lower loss than that of step {}",
             state.step, options.patience, state.best_step);
  }
  checked_save();
  throw_if_interrupted(
      reason, fmt::format("training state saved in {}", setup_.checkpoints.folder().string()));
  if (outcome.validation.sizes.empty()) outcome.validation = validate(/*scheduled=*/false);
  outcome.state = state;
  outcome.wall_s = progress_.wall_s;
  outcome.finished = state.step >= options.steps || out_of_patience();
  return outcome;
}

void Trainer::restore() {
  progress_ = run_state_.restore(setup_.checkpoints);
  guard_.restore(progress_.state.mean_loss);
}

// At all processes at once where all are needed.
bool Trainer::checkpoint_due(double seconds) const {
  const bool due = seconds >= setup_.options.checkpoint.minutes * 60;
  return run_state_.is_sharded() ? of_rank_zero(setup_.communicator, due) : due;
}

void Trainer::save() {
  if (progress_.state.skipped_in_a_row > 0) {  // the older ones may be needed
    run_state_.save_keeping_older(setup_.checkpoints, progress_);
  } else {
    run_state_.save(setup_.checkpoints, progress_);
  }
}

// Saves the steps after the last checkpoint, whatever ends the run: skipped steps never change
// parameters. Older checkpoints are kept.
void Trainer::save_after_error() noexcept {
  TrainState& state = progress_.state;
  const std::string folder = setup_.checkpoints.folder().string();
  try {
    // On GPUs a collective that another process never joined may be pending: waiting for it could
    // last for ever, and its update must not be kept.
    if (!setup_.communicator.is_single_process() && !setup_.learner.device().is_cpu()) return;
    for (; !pending_.empty(); pending_.pop_front()) record(pending_.front());
    state.skipped_in_a_row = 0;
    if (run_state_.is_sharded()) {
      return log_warn(
          "the state after step {} is not saved: with optimizer.sharded that needs all "
          "processes; --resume continues from the last checkpoint",
          state.step);
    }
    if (!setup_.communicator.is_rank_zero() || weights_may_differ_ || state.step == 0) return;
    run_state_.save_keeping_older(setup_.checkpoints, progress_);
    log_warn("the state after step {} is saved in {}; --resume continues from it", state.step,
             folder);
  } catch (const std::exception& error) {
    log_warn("the state after step {} could not be saved: {}", state.step, error.what());
  }
}

// Before a checkpoint is written: where the weights of processes differ, the last one is valid still.
void Trainer::check_weights() {
  weights_may_differ_ = true;
  check_same_weights(setup_.communicator, setup_.learner.parameters().flat(),
                     fmt::format("after step {}", progress_.state.step));
  weights_may_differ_ = false;
}

void Trainer::step(const std::vector<TrainingBatch>& batches) {
  Learner& learner = setup_.learner;
  int64_t& number = progress_.state.step;
  const auto start = Clock::now();
  gradients_.zero();
  const std::vector<double> weights = batch_weights(batches, setup_.communicator);
  StepLoss loss;
  at::Tensor losses;
  TensorMap observed;
  for (size_t i = 0; i < batches.size(); ++i) {
    reducer_.defer(i + 1 < batches.size());
    loss = learner.learn(batches[i], number, reducer_, weights[i]);
    add_rows(observed, learner.observed());
    const at::Tensor part = loss_row(loss) * weights[i];
    losses = losses.defined() ? losses + part : part;
  }
  reducer_.finish();
  const at::Tensor row = at::cat({losses.new_full({1}, seconds_of(batches)), losses});
  setup_.communicator.all_reduce(row);
  losses = row.slice(0, 1).mul_(1.0 / setup_.communicator.world_size());
  const at::Tensor norm = gradients_.norm();
  const at::Tensor roles = loss.by_role ? losses.slice(0, 1) : losses.slice(0, 0, 1);
  const at::Tensor scale =
      guard_.gradient_scale(roles, norm, number - learner.sampler().opening_step(number));
  StepReport report;
  report.lr = learning_rate(setup_.options.optimizer, number, setup_.options.steps);
  run_state_.step(gradients_, report.lr, scale);
  if (!observed.empty()) {
    learner.update_state(of_all_processes(setup_.communicator, observed), scale.isfinite());
  }
  report.step = ++number;
  report.steps = setup_.options.steps;
  for (const auto& [name, term] : loss.terms) report.loss.terms.emplace_back(name, 0.0);
  const at::Tensor values = at::cat({row, at::stack({norm, scale}), guard_.means()});
  pending_.push_back({std::move(report), start, loss.by_role, Readback(values)});
  complete_steps(learner.device().is_cpu() ? 0 : 1);
}

// Waits for the values of all pending steps but the last `keep_pending`, and reports the steps.
void Trainer::complete_steps(size_t keep_pending) {
  while (pending_.size() > keep_pending) {
    PendingStep step = std::move(pending_.front());
    pending_.pop_front();
    record(step);
    for (TrainObserver* observer : setup_.observers) observer->on_step(step.report);
    if (progress_.state.skipped_in_a_row >= kMaxSkippedSteps) {
      throw_too_many_skipped(step.report.step, skip_reason_);
    }
  }
}

// Completes a step's report, and the progress with it.
void Trainer::record(PendingStep& step) {
  TrainState& state = progress_.state;
  StepReport& report = step.report;
  const std::vector<double> values = step.values.wait();
  set_from_row(report.loss, values.data() + 1);
  const double seconds = values.front();
  const double* norm_and_scale = values.data() + 2 + report.loss.terms.size();
  const double* means = norm_and_scale + 2;
  const double* end = values.data() + values.size();
  report.grad_norm = norm_and_scale[0];
  report.skipped = std::isnan(norm_and_scale[1]);
  if (report.skipped) {
    ++state.skipped;
    ++state.skipped_in_a_row;
    const auto roles = step.by_role ? static_cast<int64_t>(report.loss.terms.size()) : 1;
    skip_reason_ = skip_reason(report.loss, step.by_role, end - roles,
                               setup_.options.optimizer.guard, report.grad_norm);
    log_warn("step {} skipped: {}", report.step, skip_reason_);
  } else {
    state.skipped_in_a_row = 0;
    state.mean_loss.assign(means, end);
  }
  const double wall = seconds_since(std::max(step.start, last_recorded_)), speed = seconds / wall;
  last_recorded_ = Clock::now();
  audio_s_per_s_ =
      audio_s_per_s_ == 0 ? speed : kSpeedDecay * audio_s_per_s_ + (1 - kSpeedDecay) * speed;
  progress_.wall_s += wall;
  state.audio_s += seconds;
  report.audio_s_per_s = audio_s_per_s_;
  report.wall_s = progress_.wall_s;
}

bool Trainer::validation_due() const {
  const TrainState& state = progress_.state;
  const int64_t every = setup_.options.validate_every, steps = setup_.options.steps;
  const bool scheduled = every > 0 && state.step % every == 0;
  return state.step > state.validated && (scheduled || state.step == steps);
}

void Trainer::take_snapshot() {
  const int64_t every = setup_.options.snapshot_every, done = progress_.state.step;
  if (every == 0 || (done % every != 0 && done != setup_.options.steps)) return;
  complete_steps(0);
  const ExchangedWeights saved = run_state_.use_saved_weights();
  for (TrainObserver* observer : setup_.observers) observer->on_snapshot(done);
}

// `best_step` is of a scheduled validation, so a run that resumes knows how long ago it was.
bool Trainer::out_of_patience() const {
  const TrainState& state = progress_.state;
  const TrainOptions& options = setup_.options;
  return options.patience > 0 && state.best_step > 0 &&
         state.validated - state.best_step >= options.patience * options.validate_every;
}

// Only scheduled validations count for the best model, so that a stop in between leaves the run as it
// would be.
ValidationReport Trainer::validate(bool scheduled) {
  complete_steps(0);
  if (!scheduled) check_weights();
  const int32_t crops = setup_.options.validation_crops;
  TrainState& state = progress_.state;
  ValidationReport report =
      validation_report(setup_.learner, run_state_, setup_.validation, crops, setup_.communicator);
  report.step = state.step;
  TrainState after = state;
  if (scheduled) {
    double mean = 0;
    for (const auto& [name, loss] : report.sizes) {
      mean += loss.total / static_cast<double>(report.sizes.size());
    }
    report.best = record_validation(after, mean, crops);
  }
  const ExchangedWeights saved = run_state_.use_saved_weights();  // observers write the model
  const bool reported = state.validated == state.step;  // by the run that this one resumes
  for (TrainObserver* observer : setup_.observers) {
    if (!reported) observer->on_validation(report);
  }
  state = after;  // only once the best model is written too
  return report;
}

}  // namespace concertina
