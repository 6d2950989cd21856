#include "distill/train/learner.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>

#include "core/errors.h"
#include "core/memory.h"
#include "distill/data/transfer.h"
#include "distill/train/batch_parts.h"
#include "distill/train/rate_scales.h"
#include "supernet/model/visible_input.h"
#include "supernet/nn/one_thread_each.h"

namespace concertina {
namespace {

constexpr int64_t kMostPartBytes = int64_t{256} << 20;  // gradients of all parts but the first

std::vector<Parameters::Init> all_parameters(const Learner::Setup& setup) {
  const Supernet& student = setup.student;
  const Storage& storage = student.storage();
  auto values =
      trainable(student.weights(), tensor_slices(student.blueprint(), storage, storage.shape));
  values.insert(values.end(), setup.heads.begin(), setup.heads.end());
  scale_rates(values, setup.rate_scales, student.blueprint(), storage.shape.depth());
  return values;
}

// The goal of subnet i of a step, of what others gave: those before it are larger.
TensorMap goal_with(const Objective& objective, TensorMap goal,
                    const std::map<size_t, TensorMap>& assistants, size_t i) {
  for (auto it = assistants.begin(); it != assistants.end() && it->first < i; ++it)
    goal = objective.assisted_goal(goal, it->second);
  return goal;
}

// As a term of its own where the terms are not the subnets' losses.
void add_penalty(StepLoss& loss, const at::Tensor& mean_square, double weight) {
  if (!mean_square.defined()) return;
  const at::Tensor value = mean_square.detach();
  loss.total = loss.total + value * weight;
  if (!loss.by_role) loss.terms.emplace_back("feature_penalty", value);
}

// Of equal parts of a batch.
StepLoss mean_of(const std::vector<StepLoss>& losses) {
  StepLoss mean = losses.front();
  const auto count = static_cast<double>(losses.size());
  for (size_t i = 1; i < losses.size(); ++i) {
    mean.total = mean.total + losses[i].total;
    for (size_t j = 0; j < mean.terms.size(); ++j)
      mean.terms[j].second = mean.terms[j].second + losses[i].terms[j].second;
  }
  mean.total = mean.total / count;
  for (auto& [name, value] : mean.terms) value = value / count;
  return mean;
}

}  // namespace

// What the subnets of a step and the parts of its batch share.
struct Learner::Draw {
  std::vector<SampledSubnet> subnets;
  std::vector<Architecture> architectures;
  std::vector<std::vector<TensorSlice>> slices;  // encoder_slices() of each
  std::vector<std::vector<size_t>> groups;       // those that share the front end
};

struct Learner::Part {
  TrainingBatch batch;
  StepData data;
  TensorMap goal = {};
};

struct Learner::Student {
  Leaves leaves;
  Subnet subnet;
};

Learner::Learner(Setup setup)
    : setup_(std::move(setup)),
      parameters_(all_parameters(setup_), setup_.device),
      teachers_(setup_.teachers, setup_.snapshots, setup_.dtype, setup_.device) {
  const auto frozen = [&](const auto& view) { return parameters_.is_frozen(view.first); };
  if (std::ranges::all_of(parameters_.views(), frozen)) {
    throw InputError(
        "optimizer.rate_scales: nothing is left to train; the student is frozen and the objective "
        "has no heads");
  }
  if (setup_.device != at::kCPU) setup_.student = setup_.student.to(setup_.device);
  for (auto& [name, tensor] : setup_.student.weights()) {  // no second copy of what is trained
    const auto trained = parameters_.views().find(name);
    if (trained != parameters_.views().end()) tensor = trained->second;
  }
  setup_.teachers.clear();
  const int64_t part_bytes = parameters_.flat().numel() * int64_t{sizeof(float)};
  if ((setup_.parts - 1) * part_bytes > kMostPartBytes) setup_.parts = 1;
  return_freed_memory();  // before the optimiser allocates as much again
}

std::vector<TensorSlice> Learner::front_end_slices(const Architecture& architecture) const {
  const Supernet& student = setup_.student;
  auto slices = tensor_slices(student.blueprint(), student.storage(), architecture);
  std::erase_if(slices, [](const TensorSlice& slice) { return !is_of_front_end(slice.name); });
  return slices;
}

std::vector<TensorSlice> Learner::encoder_slices(const Architecture& architecture) const {
  const Supernet& student = setup_.student;
  auto slices = tensor_slices(student.blueprint(), student.storage(), architecture);
  std::erase_if(slices, [](const TensorSlice& slice) { return is_of_front_end(slice.name); });
  const auto heads = setup_.objective->slices(architecture);
  slices.insert(slices.end(), heads.begin(), heads.end());
  return slices;
}

void Learner::expect_slices(const std::vector<TensorSlice>& slices,
                            GradientReducer& reducer) const {
  for (const TensorSlice& slice : slices) {
    const bool is_trained =
        parameters_.views().contains(slice.name) && !parameters_.is_frozen(slice.name);
    if (is_trained) reducer.expect_slice(slice.name);
  }
}

TensorMap Learner::untrained(const std::vector<TensorSlice>& slices) const {
  TensorMap tensors;
  for (const TensorSlice& slice : slices) {
    if (!slice.trained)
      tensors[slice.name] = take_slice(setup_.student.weights().at(slice.name), slice);
  }
  return tensors;
}

SharedFrontEnd Learner::make_front_end(const std::vector<Architecture>& architectures,
                                       const std::vector<size_t>& group) const {
  const Supernet& student = setup_.student;
  const std::vector<TensorSlice> slices = front_end_slices(architectures[group.front()]);
  SharedFrontEnd front{.leaves = Leaves(parameters_, slices, setup_.dtype)};
  if (at::GradMode::is_enabled()) front.penalty = setup_.regularization.feature_penalty;
  for (const size_t i : group) {
    front.every_frame |= needs_every_frame(student.blueprint(), architectures[i]);
  }
  front.tensors = front.leaves.tensors();
  front.tensors.merge(untrained(slices));
  return front;
}

Learner::Student Learner::make_student(const Architecture& architecture,
                                       std::vector<TensorSlice> slices,
                                       const SharedFrontEnd& front) const {
  TensorMap tensors = untrained(slices);
  Leaves leaves(parameters_, std::move(slices), setup_.dtype);
  tensors.insert(leaves.tensors().begin(), leaves.tensors().end());
  tensors.insert(front.tensors.begin(), front.tensors.end());
  const Blueprint& blueprint = setup_.student.blueprint();
  return {std::move(leaves), make_subnet(blueprint, architecture, std::move(tensors))};
}

LossBreakdown Learner::loss_of(const Student& student, const SpeechBatch& batch,
                               SharedFrontEnd& front, const TensorMap& goal, const StepData& step,
                               const TrainingPass& pass) const {
  const Architecture& architecture = student.subnet.architecture;
  const WantedOutputs wants = setup_.objective->student_wants(architecture);
  const Features& features = front.of(student.subnet, batch);
  Frames frames = encoder_input(student.subnet, batch, features, {}, pass);
  if (setup_.drop_masked != DropMasked::kNone) frames = drop_masked(std::move(frames), batch.mask);
  EncoderOutput output = encode_from(student.subnet, std::move(frames), wants, pass);
  if (setup_.masked_only) output.frames.loss_mask = batch.mask;
  return setup_.objective->loss({output, architecture, student.subnet.tensors, goal, step});
}

// The same in all processes but for the rows.
TrainingPass Learner::training_pass(int64_t step, size_t subnet, int64_t rows) const {
  const Rng rng = setup_.rng.fork("dropout", static_cast<uint64_t>(step))
                      .fork("batch", static_cast<uint64_t>(batch_of_step_))
                      .fork("subnet", subnet);
  return {.dropout = Dropout(setup_.regularization.dropout, rng, setup_.rank * rows),
          .recompute_layers = setup_.recompute_layers};
}

Rows Learner::rows_for(const TrainingBatch& batch) const {
  return teachers_.rows(setup_.objective->needs().rows, batch, setup_.student.blueprint(),
                        setup_.drop_masked);
}

Rows Learner::training_rows(const TrainingBatch& batch) const {
  Rows rows = rows_for(batch);
  if (!setup_.rows_of_other_clips) return rows;
  if (batch.speech.waveform.size(0) < 2)
    throw InputError("rows_of_other_clips needs batches of at least two crops in each process");
  for (auto& [name, row] : rows) row = row.roll(1, 0);
  return rows;
}

StepData Learner::step_data(const TrainingBatch& batch, std::optional<double> progress,
                            const Rng& rng) {
  const SpeechBatch& speech = batch.speech;
  return {.valid = valid_frames(setup_.student.blueprint(), speech),
          .mask = speech.mask,
          .units = batch.units,
          .first = progress ? batch.first : at::Tensor(),
          .progress = progress,
          .rng = rng,
          .state = state()};
}

const TensorMap& Learner::state() {
  if (state_) return *state_;
  at::NoGradGuard no_grad;
  teachers_.use_snapshots(std::nullopt);
  const RowSampler sample = [this](int64_t i) {
    CONCERTINA_ASSERT(setup_.statistics != nullptr);
    const TrainingBatch batch = to_device(setup_.statistics->at(i), setup_.device);
    return RowBatch{rows_for(batch), valid_frames(setup_.student.blueprint(), batch.speech)};
  };
  set_state(setup_.objective->initial_state(sample, setup_.rng.fork("state")));
  return *state_;
}

void Learner::set_state(const TensorMap& state) {
  state_.emplace();
  for (const auto& [name, tensor] : state) (*state_)[name] = tensor.to(setup_.device);
}

void Learner::update_state(const TensorMap& observed, const at::Tensor& good) {
  at::NoGradGuard no_grad;
  const TensorMap next = setup_.objective->next_state(observed, observed_step_);
  for (auto& [name, tensor] : *state_) tensor = at::where(good, next.at(name), tensor);
}

void Learner::observe(const TensorMap& goal, const StepData& step) {
  at::NoGradGuard no_grad;
  observed_ = setup_.objective->observed(goal, step);
  observed_step_ = observed_.empty() ? StepData() : step;
}

Learner::Draw Learner::draw_for(int64_t step) const {
  Draw draw{.subnets = setup_.sampler->draw(step), .architectures = {}, .slices = {}, .groups = {}};
  if (setup_.objective->has_assistants())
    draw.subnets = largest_first(std::move(draw.subnets), setup_.student.blueprint());
  for (const SampledSubnet& subnet : draw.subnets) {
    draw.architectures.push_back(subnet.architecture);
    draw.slices.push_back(encoder_slices(subnet.architecture));
  }
  draw.groups = by_front_end(draw.architectures);
  return draw;
}

std::vector<TrainingBatch> Learner::parts_of(const TrainingBatch& batch) const {
  const bool one_by_one = setup_.objective->is_mean_over_clips() && !setup_.masked_only &&
                          setup_.drop_masked == DropMasked::kNone && !setup_.rows_of_other_clips &&
                          setup_.regularization == RegularizationOptions();
  const int32_t parts = one_by_one && setup_.device == at::kCPU ? setup_.parts : 1;
  return equal_parts(batch, setup_.student.blueprint(), parts);
}

StepLoss Learner::learn(const TrainingBatch& given, int64_t step, GradientReducer& reducer,
                        double weight) {
  batch_of_step_ = step == step_ ? batch_of_step_ + 1 : 0;
  step_ = step;
  const TrainingBatch batch = to_device(given, setup_.device);
  const Draw draw = draw_for(step);
  for (const auto& slices : draw.slices) expect_slices(slices, reducer);
  for (const std::vector<size_t>& group : draw.groups)
    expect_slices(front_end_slices(draw.architectures[group.front()]), reducer);
  const auto steps = static_cast<double>(setup_.steps);
  const double progress = steps > 0 ? static_cast<double>(step) / steps : 1;
  (void)state();
  teachers_.use_snapshots(progress);
  const Rng rng = setup_.rng.fork("step", static_cast<uint64_t>(step));
  std::vector<Part> parts;
  for (TrainingBatch& part : parts_of(batch)) {
    StepData data = step_data(part, progress, rng);
    if (setup_.rows_of_other_clips && data.units.defined()) data.units = data.units.roll(1, 0);
    parts.push_back({std::move(part), std::move(data)});
  }
  while (more_gradients_.size() + 1 < parts.size()) more_gradients_.emplace_back(parameters_);
  const double share = weight / static_cast<double>(parts.size());
  const auto ready = [&](const std::string& parameter) { reducer.mark_ready(parameter); };
  std::vector<StepLoss> losses(parts.size());
  if (parts.size() == 1) {
    losses[0] = learn_part(parts[0], draw, step, reducer.gradients(), share, ready);
    observe(parts[0].goal, parts[0].data);
    return losses[0];
  }
  one_thread_each(parts.size(), [&](size_t i) {
    losses[i] = i == 0 ? learn_part(parts[0], draw, step, reducer.gradients(), share, ready)
                       : learn_part(parts[i], draw, step, more_gradients_[i - 1], share, {});
  });
  for (size_t i = 1; i < parts.size(); ++i) reducer.gradients().take(more_gradients_[i - 1]);
  observed_.clear();
  return mean_of(losses);
}

StepLoss Learner::learn_part(Part& part, const Draw& draw, int64_t step, Gradients& gradients,
                             double weight, const Leaves::Added& ready) const {
  const TrainingBatch& batch = part.batch;
  const double share = 1.0 / static_cast<double>(draw.subnets.size());
  const Rows rows = training_rows(batch);
  TensorMap goal = part.goal = goal_of(*setup_.objective, rows, part.data);
  StepLoss sum;
  sum.by_role = draw.subnets.size() > 1;
  sum.terms.resize(draw.subnets.size());
  const Objective& objective = *setup_.objective;
  std::map<size_t, TensorMap> assistants;
  const auto learn_one = [&](size_t i, SharedFrontEnd& front) {
    const Student student = make_student(draw.architectures[i], draw.slices[i], front);
    student.leaves.accumulate_into(gradients, share * weight, ready);
    const TrainingPass pass = training_pass(step, i, batch.speech.waveform.size(0));
    const TensorMap own = goal_with(objective, goal, assistants, i);
    LossBreakdown loss = loss_of(student, batch.speech, front, own, part.data, pass);
    loss.total.backward();
    if (objective.has_assistants()) assistants[i] = std::move(loss.assistant);
    const at::Tensor value = loss.total.detach();
    sum.total = sum.total.defined() ? sum.total + value * share : value * share;
    sum.terms[i] = {draw.subnets[i].role, value};
    if (!sum.by_role) sum.terms = std::move(loss.terms);
    if (i == 0 && setup_.in_place > 0 && draw.subnets.size() > 1) {
      if (loss.rows.empty() && loss.goal.empty()) {
        throw InputError(
            "sampler.in_place: this objective gives no rows of the student that smaller subnets "
            "could learn from");
      }
      goal = objective.in_place_goal(rows, loss, setup_.in_place, part.data);
    }
  };
  for (const std::vector<size_t>& group : draw.groups) {
    SharedFrontEnd front = make_front_end(draw.architectures, group);
    front.leaves.accumulate_into(gradients, share * weight, ready);
    for (const size_t i : group) learn_one(i, front);
    front.backward(group.size());
    add_penalty(sum, front.mean_square, front.penalty * share * static_cast<double>(group.size()));
  }
  part.goal = goal_with(objective, part.goal, assistants, draw.subnets.size() - 1);
  return sum;
}

std::vector<LossValues> Learner::evaluate(const TrainingBatch& given,
                                          const std::vector<Architecture>& architectures) {
  at::NoGradGuard no_grad;
  const TrainingBatch batch = to_device(given, setup_.device);
  const StepData data = step_data(batch, std::nullopt, setup_.rng.fork("evaluation"));
  teachers_.use_snapshots(std::nullopt);
  const TensorMap goal = goal_of(*setup_.objective, rows_for(batch), data);
  std::vector<LossValues> values(architectures.size());
  for (const std::vector<size_t>& group : by_front_end(architectures)) {
    SharedFrontEnd front = make_front_end(architectures, group);
    for (const size_t i : group) {
      const Student student =
          make_student(architectures[i], encoder_slices(architectures[i]), front);
      values[i] = loss_values(loss_of(student, batch.speech, front, goal, data, {}));
    }
  }
  return values;
}

Supernet Learner::student(std::string provenance) const {
  TensorMap weights = setup_.student.weights();
  for (auto& [name, tensor] : weights) {
    const auto trained = parameters_.views().find(name);
    const at::Tensor& now = trained == parameters_.views().end() ? tensor : trained->second;
    tensor = now.detach().to(at::kCPU).clone(at::MemoryFormat::Contiguous);
  }
  return Supernet(space(), std::move(weights), std::move(provenance));
}

TensorMap Learner::heads() const {
  TensorMap heads;
  for (const Parameters::Init& init : setup_.heads) {
    heads[init.name] = parameters_.views().at(init.name).detach().to(at::kCPU).clone();
  }
  return heads;
}

}  // namespace concertina
