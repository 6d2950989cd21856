#include "distill/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/errors.h"
#include "core/log.h"
#include "core/memory.h"
#include "distill/agreement.h"

namespace concertina {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<std::pair<std::string, Architecture>> validation_sizes(const SearchSpace& space) {
  std::vector<std::pair<std::string, Architecture>> sizes = {{"largest", space.largest()}};
  if (space.smallest() == space.largest()) return sizes;
  sizes.emplace_back("default", space.default_architecture());
  sizes.emplace_back("smallest", space.smallest());
  return sizes;
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
  if (options_.max_minutes > 0) {
    stop = stop.with_deadline(std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(options_.max_minutes * 60)));
  }
  for (TrainObserver* observer : observers_) observer->on_start(state_.step, options_.steps);
  TrainOutcome outcome;
  Prefetcher prefetcher(training_, state_.step, learner_.device());
  auto last_save = Clock::now();
  StopReason why = agree(stop.reason());
  while (state_.step < options_.steps && why == StopReason::kNone) {
    step(prefetcher.next());
    const bool last = state_.step == options_.steps;
    if (last || (options_.validate_every > 0 && state_.step % options_.validate_every == 0)) {
      outcome.validation = validate(/*scheduled=*/true);
    }
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

// Everybody gets the first process's.
void Trainer::share_state() {
  const at::Tensor numbers =
      at::tensor({static_cast<double>(state_.step), state_.audio_s, state_.mean_loss,
                  static_cast<double>(state_.skipped), static_cast<double>(state_.bad_in_a_row),
                  static_cast<double>(state_.best_step), state_.best_loss, wall_s_},
                 at::kDouble);
  for (const at::Tensor& tensor :
       {numbers, learner_.parameters().flat(), optimizer_.first_moment(),
        optimizer_.second_moment(), optimizer_.updates().view(at::kByte)}) {
    communicator_.broadcast(tensor);
  }
  const double* n = numbers.const_data_ptr<double>();
  state_ = {.step = std::llround(n[0]),
            .audio_s = n[1],
            .mean_loss = n[2],
            .skipped = std::llround(n[3]),
            .bad_in_a_row = std::llround(n[4]),
            .best_step = std::llround(n[5]),
            .best_loss = n[6]};
  wall_s_ = n[7];
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

void Trainer::step(const Crops& crops) {
  const auto start = Clock::now();
  gradients_.zero();
  const LossBreakdown loss = learner_.learn(crops, state_.step, exchange_);
  exchange_.finish();
  at::Tensor losses = row_of(loss);
  const at::Tensor row = at::cat({losses.new_full({1}, crops.seconds), losses});
  communicator_.sum(row);
  losses = row.slice(0, 1).mul_(1.0 / communicator_.size());
  const at::Tensor norm = gradients_.norm();
  const at::Tensor scale = guard_.judge(losses[0], norm, state_.step);
  StepReport report;
  report.lr = learning_rate(options_.optimizer, state_.step, options_.steps);
  optimizer_.step(learner_.parameters(), gradients_, report.lr, scale);
  report.step = ++state_.step;
  report.steps = options_.steps;
  for (const auto& [name, term] : loss.terms) report.loss.terms.emplace_back(name, 0.0);
  const at::Tensor verdict = at::stack({norm, scale, guard_.mean_loss()});
  begun_.push_back({std::move(report), start, Readback(at::cat({row, verdict}))});
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

void Trainer::settle(Begun step) {
  constexpr double kSpeedMemory = 0.95;
  const std::vector<double> row = step.numbers.wait();
  const double seconds = row.front(), *verdict = row.data() + row.size() - 3;
  StepReport& report = step.report;
  take_row(row.data() + 1, report.loss);
  report.grad_norm = verdict[0];
  report.skipped = std::isnan(verdict[1]);
  if (report.skipped) {
    refuse(report);
  } else {
    state_.bad_in_a_row = 0;
    state_.mean_loss = verdict[2];
  }
  const double wall = seconds_since(std::max(step.start, settled_)), speed = seconds / wall;
  settled_ = Clock::now();
  speed_ = speed_ == 0 ? speed : kSpeedMemory * speed_ + (1 - kSpeedMemory) * speed;
  wall_s_ += wall;
  state_.audio_s += seconds;
  report.audio_s_per_s = speed_;
  report.wall_s = wall_s_;
  for (TrainObserver* observer : observers_) observer->on_step(report);
  if (state_.bad_in_a_row >= kMostBadSteps) give_up(report.step);
}

void Trainer::refuse(const StepReport& report) {
  ++state_.skipped;
  ++state_.bad_in_a_row;
  log_warn("step {} skipped: loss {} (running mean {:.4g}), gradient norm {}", report.step,
           report.loss.total, state_.mean_loss, report.grad_norm);
}

void Trainer::give_up(int64_t step) const {
  throw NumericError(fmt::format(
      "the loss or its gradient was not finite, or far above its running mean, for {} steps in a "
      "row, last at step {}; {}; try a lower optimizer.lr or dtype: fp32",
      kMostBadSteps, step,
      checkpoints_.empty()
          ? "there is no checkpoint yet"
          : "the last good checkpoint is kept in " + checkpoints_.folder().string()));
}

ValidationReport Trainer::validate(bool scheduled) {
  settle(0);
  check_same_weights(communicator_, learner_.parameters().flat(),
                     fmt::format("after step {}", state_.step));
  ValidationReport report;
  report.step = state_.step;
  const int64_t batches = validation_.batches_of(options_.validation_crops);
  std::vector<Architecture> architectures;
  for (const auto& [name, architecture] : validation_sizes(learner_.space())) {
    report.sizes.emplace_back(name, LossValues{});
    architectures.push_back(architecture);
  }
  const bool shared = batches >= communicator_.size();
  const int32_t first = shared ? communicator_.rank() : 0,
                stride = shared ? communicator_.size() : 1;
  for (int64_t b = first; b < batches; b += stride) {
    const std::vector<LossValues> values = learner_.evaluate(validation_.at(b), architectures);
    for (size_t i = 0; i < values.size(); ++i) {
      add(report.sizes[i].second, values[i], 1.0 / static_cast<double>(batches));
    }
  }
  for (auto& [name, loss] : report.sizes) {
    if (!shared) continue;
    const at::Tensor row = row_of(loss);
    communicator_.sum(row);
    take_row(row.const_data_ptr<double>(), loss);
  }
  if (scheduled) judge(report);
  for (TrainObserver* observer : observers_) observer->on_validation(report);
  return report;
}

// Only validations on schedule count, so that a stop in between leaves the run as it would be.
void Trainer::judge(ValidationReport& report) {
  double mean = 0;
  for (const auto& [name, loss] : report.sizes) {
    mean += loss.total / static_cast<double>(report.sizes.size());
  }
  report.best = std::isfinite(mean) && (state_.best_step == 0 || mean < state_.best_loss);
  if (!report.best) return;
  state_.best_step = state_.step;
  state_.best_loss = mean;
}

void Trainer::save() {
  if (!communicator_.first()) return;
  checkpoints_.save({state_, wall_s_}, learner_.parameters(), optimizer_);
}

}  // namespace concertina
