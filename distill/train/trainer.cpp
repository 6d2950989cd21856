#include "distill/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "core/errors.h"
#include "core/log.h"
#include "core/memory.h"
#include "distill/train/agreement.h"
#include "distill/train/validation.h"

namespace concertina {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Trainer::Trainer(Learner& learner, const BatchSource& training, const BatchSource& validation,
                 const TrainOptions& options, const CheckpointFolder& checkpoints,
                 std::vector<TrainObserver*> observers, Communicator& communicator)
    : learner_(learner),
      training_(training),
      validation_(validation),
      options_(options),
      checkpoints_(checkpoints),
      observers_(std::move(observers)),
      communicator_(communicator),
      gradients_(learner.parameters()),
      exchange_(communicator, learner.parameters(), gradients_),
      optimizer_(learner.parameters(), options.optimizer),
      guard_(options.optimizer, learner.device()) {}

TrainOutcome Trainer::run(StopToken stop) {
  const SavesOnStop saves;
  keep_freed_memory();
  restore();
  try {
    return train(std::move(stop));
  } catch (const Interrupted&) {
    throw;  // saved before
  } catch (...) {
    rescue();
    throw;
  }
}

TrainOutcome Trainer::train(StopToken stop) {
  if (options_.max_minutes > 0) {
    stop = stop.with_deadline(std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(options_.max_minutes * 60)));
  }
  for (TrainObserver* observer : observers_) {
    observer->on_start({state_.step, options_.steps, state_.validated == state_.step});
  }
  TrainOutcome outcome;
  Prefetcher prefetcher(training_, state_.step, learner_.device());
  auto last_save = Clock::now();
  StopReason why = agree(stop.reason());
  for (;;) {
    if (validation_due()) {
      settle(0);
      check_weights();
      save();
      last_save = Clock::now();
      outcome.validation = validate(/*scheduled=*/true);
    }
    if (state_.step >= options_.steps || why != StopReason::kNone) break;
    step(prefetcher.next());
    if (seconds_since(last_save) >= options_.checkpoint.minutes * 60) {
      settle(0);
      if (state_.bad_in_a_row == 0) {
        save();
        last_save = Clock::now();
      }
    }
    why = agree(stop.reason());
  }
  settle(0);
  check_weights();
  save();
  throw_if_interrupted(why, "training state saved in " + checkpoints_.folder().string());
  if (outcome.validation.sizes.empty()) outcome.validation = validate(/*scheduled=*/false);
  outcome.state = state_;
  outcome.wall_s = wall_s_;
  outcome.finished = state_.step >= options_.steps;
  return outcome;
}

void Trainer::restore() {
  Progressed before;
  if (communicator_.first()) {
    before = checkpoints_.restore(learner_.parameters(), optimizer_).value_or(Progressed{});
  }
  state_ = before.state;
  wall_s_ = before.wall_s;
  if (!communicator_.alone()) share_state();
  guard_.restart(state_.mean_loss);
}

bool Trainer::validation_due() const {
  const bool scheduled = options_.validate_every > 0 && state_.step % options_.validate_every == 0;
  return state_.step > state_.validated && (scheduled || state_.step == options_.steps);
}

// Before they are saved: where processes differ, the last checkpoint is what to go on from.
void Trainer::check_weights() {
  in_doubt_ = true;
  check_same_weights(communicator_, learner_.parameters().flat(),
                     fmt::format("after step {}", state_.step));
  in_doubt_ = false;
}

// What came after the last checkpoint is kept whatever ends the run: parameters only ever hold
// whole, good steps. Older checkpoints stay beside it.
void Trainer::rescue() noexcept {
  try {
    // On GPUs a step whose sum another process never joined may be under way: waiting for it could
    // last for ever, and its update is not to be kept.
    if (!communicator_.alone() && !learner_.device().is_cpu()) return;
    for (; !begun_.empty(); begun_.pop_front()) count(begun_.front());
    state_.bad_in_a_row = 0;
    if (!communicator_.first() || in_doubt_ || state_.step == 0) return;
    checkpoints_.add({state_, wall_s_}, learner_.parameters(), optimizer_);
    log_warn("the state after step {} is saved in {}; --resume goes on from it", state_.step,
             checkpoints_.folder().string());
  } catch (const std::exception& error) {
    log_warn("the state after step {} could not be saved: {}", state_.step, error.what());
  }
}

// Everybody gets the first process's.
void Trainer::share_state() {
  const std::string mine = to_json(state_);
  const at::Tensor sizes = at::tensor({static_cast<double>(mine.size()), wall_s_}, at::kDouble);
  communicator_.broadcast(sizes);
  const at::Tensor text = at::zeros({std::llround(sizes[0].item<double>())}, at::kByte);
  if (communicator_.first()) std::memcpy(text.data_ptr(), mine.data(), mine.size());
  for (const at::Tensor& tensor :
       {text, learner_.parameters().flat(), optimizer_.first_moment(), optimizer_.second_moment(),
        optimizer_.updates().view(at::kByte)}) {
    communicator_.broadcast(tensor);
  }
  state_ = train_state(
      {static_cast<const char*>(text.const_data_ptr()), static_cast<size_t>(text.numel())});
  wall_s_ = sizes[1].item<double>();
}

// Why all processes stop now: a signal to one of them counts for all, and before a time cap.
StopReason Trainer::agree(StopReason mine) const {
  if (communicator_.alone()) return mine;
  constexpr StopReason kReasons[] = {StopReason::kInterrupt, StopReason::kTerminate,
                                     StopReason::kTimeUp};
  const at::Tensor votes = at::zeros({std::ssize(kReasons)}, at::kDouble);
  double* vote = votes.data_ptr<double>();
  for (size_t i = 0; i < std::size(kReasons); ++i) vote[i] = mine == kReasons[i] ? 1 : 0;
  communicator_.sum(votes);
  for (size_t i = 0; i < std::size(kReasons); ++i) {
    if (vote[i] > 0) return kReasons[i];
  }
  return StopReason::kNone;
}

// Of this process' gradient in the mean over processes: its share of the step's audio, times their
// number. 1 where all have as much.
double Trainer::weight_of(const Crops& crops) const {
  if (communicator_.alone()) return 1;
  const at::Tensor all = at::full({1}, crops.seconds, at::kDouble);
  communicator_.sum(all);
  return crops.seconds * communicator_.size() / all.item<double>();
}

void Trainer::step(const Crops& crops) {
  const auto start = Clock::now();
  gradients_.zero();
  const double weight = weight_of(crops);
  const StepLoss loss = learner_.learn(crops, state_.step, exchange_, weight);
  exchange_.finish();
  at::Tensor losses = row_of(loss) * weight;
  const at::Tensor row = at::cat({losses.new_full({1}, crops.seconds), losses});
  communicator_.sum(row);
  losses = row.slice(0, 1).mul_(1.0 / communicator_.size());
  const at::Tensor norm = gradients_.norm();
  const at::Tensor roles = loss.by_role ? losses.slice(0, 1) : losses.slice(0, 0, 1);
  const int64_t seen = state_.step - learner_.sampler().opened_at(state_.step);
  const at::Tensor scale = guard_.judge(roles, norm, seen);
  StepReport report;
  report.lr = learning_rate(options_.optimizer, state_.step, options_.steps);
  optimizer_.step(learner_.parameters(), gradients_, report.lr, scale);
  report.step = ++state_.step;
  report.steps = options_.steps;
  for (const auto& [name, term] : loss.terms) report.loss.terms.emplace_back(name, 0.0);
  const at::Tensor numbers = at::cat({row, at::stack({norm, scale}), guard_.means()});
  begun_.push_back({std::move(report), start, loss.by_role, Readback(numbers)});
  settle(learner_.device().is_cpu() ? 0 : 1);
}

// Reads the numbers of the steps begun, but for the last `but`.
void Trainer::settle(size_t but) {
  while (begun_.size() > but) {
    Begun step = std::move(begun_.front());
    begun_.pop_front();
    settle(std::move(step));
  }
}

// Takes a step's numbers into the state.
void Trainer::count(Begun& step) {
  constexpr double kSpeedMemory = 0.95;
  const std::vector<double> row = step.numbers.wait();
  StepReport& report = step.report;
  take_row(row.data() + 1, report.loss);
  const double seconds = row.front(), *verdict = row.data() + 2 + report.loss.terms.size();
  const double* means = verdict + 2;
  report.grad_norm = verdict[0];
  report.skipped = std::isnan(verdict[1]);
  if (report.skipped) {
    refuse(report,
           why_bad(report.loss, step.by_role, means, options_.optimizer.guard, report.grad_norm));
  } else {
    state_.bad_in_a_row = 0;
    state_.mean_loss.assign(means, row.data() + row.size());
  }
  const double wall = seconds_since(std::max(step.start, settled_)), speed = seconds / wall;
  settled_ = Clock::now();
  speed_ = speed_ == 0 ? speed : kSpeedMemory * speed_ + (1 - kSpeedMemory) * speed;
  wall_s_ += wall;
  state_.audio_s += seconds;
  report.audio_s_per_s = speed_;
  report.wall_s = wall_s_;
}

void Trainer::settle(Begun step) {
  count(step);
  const StepReport& report = step.report;
  for (TrainObserver* observer : observers_) observer->on_step(report);
  if (state_.bad_in_a_row >= kMostBadSteps) give_up(report.step);
}

void Trainer::refuse(const StepReport& report, const std::string& why) {
  ++state_.skipped;
  ++state_.bad_in_a_row;
  bad_ = why;
  log_warn("step {} skipped: {}", report.step, why);
}

void Trainer::give_up(int64_t step) {
  throw NumericError(fmt::format(
      "{} steps in a row were skipped, the last one, {}, because: {}; where the loss is healthy, "
      "go "
      "on with --resume and a larger optimizer.guard (0: off), else start again with a lower "
      "optimizer.lr or dtype: fp32",
      kMostBadSteps, step, bad_));
}

ValidationReport Trainer::validate(bool scheduled) {
  settle(0);
  if (!scheduled) check_weights();
  ValidationReport report;
  report.step = state_.step;
  report.sizes = losses_of_sizes(learner_, validation_, options_.validation_crops, communicator_);
  TrainState after = state_;
  if (scheduled) judge(report, after);
  const bool reported = state_.validated == state_.step;  // by the run that this one goes on with
  for (TrainObserver* observer : observers_) {
    if (!reported) observer->on_validation(report);
  }
  state_ = after;  // done only once the best model is written too
  return report;
}

// Only validations on schedule count, so that a stop in between leaves the run as it would be.
void Trainer::judge(ValidationReport& report, TrainState& after) const {
  after.validated = after.step;
  if (after.best_crops != 0 && after.best_crops != options_.validation_crops) {
    after.best_step = 0;  // measured on other crops
  }
  double mean = 0;
  for (const auto& [name, loss] : report.sizes) {
    mean += loss.total / static_cast<double>(report.sizes.size());
  }
  report.best = std::isfinite(mean) && (after.best_step == 0 || mean < after.best_loss);
  if (!report.best) return;
  after.best_step = after.step;
  after.best_loss = mean;
  after.best_crops = options_.validation_crops;
}

void Trainer::save() {
  if (!communicator_.first()) return;
  if (state_.bad_in_a_row > 0) {  // what led here is not sure to be good
    checkpoints_.add({state_, wall_s_}, learner_.parameters(), optimizer_);
  } else {
    checkpoints_.save({state_, wall_s_}, learner_.parameters(), optimizer_);
  }
}

}  // namespace concertina
