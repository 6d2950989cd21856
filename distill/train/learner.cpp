#include "distill/train/learner.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "core/errors.h"
#include "core/memory.h"
#include "distill/data/transfer.h"

namespace concertina {
namespace {

std::vector<Parameters::Init> all_parameters(const Learner::Setup& setup) {
  const Supernet& student = setup.student;
  const Storage& storage = student.storage();
  auto values =
      trainable(student.weights(), tensor_slices(student.blueprint(), storage, storage.shape));
  values.insert(values.end(), setup.heads.begin(), setup.heads.end());
  return values;
}

// Indices of architectures, those with equal conv channels together; the first stays first.
std::vector<std::vector<size_t>> by_front_end(const std::vector<Architecture>& architectures) {
  std::vector<std::vector<size_t>> groups;
  for (size_t i = 0; i < architectures.size(); ++i) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& members) {
      return architectures[members.front()].conv_channels() == architectures[i].conv_channels();
    });
    if (group == groups.end()) {
      groups.push_back({i});
    } else {
      group->push_back(i);
    }
  }
  return groups;
}

}  // namespace

struct Learner::FrontEnd {
  Leaves leaves;
  TensorMap tensors;         // of the front end, statistics among them
  at::Tensor output;         // with its graph; undefined until the first subnet needs it
  Features cut;              // the same values as a leaf, where the subnets' gradients are summed
  bool every_frame = false;  // some subnet needs masked frames too

  const Features& of(const Subnet& subnet, const SpeechBatch& batch) {
    if (output.defined()) return cut;
    cut = features_of(subnet, batch, every_frame);
    output = cut.x;
    cut.x = output.detach().requires_grad_(output.requires_grad());
    return cut;
  }
  void backward() const {
    if (!output.requires_grad()) return;  // log-mel features have nothing to learn
    const at::Tensor gradient = cut.x.grad();
    if (gradient.defined()) output.backward(gradient);
  }
};

struct Learner::Student {
  Leaves leaves;
  Subnet subnet;
};

Learner::Learner(Setup setup)
    : setup_(std::move(setup)), parameters_(all_parameters(setup_), setup_.device) {
  if (setup_.device != at::kCPU) setup_.student = setup_.student.to(setup_.device);
  for (auto& [name, tensor] : setup_.student.weights()) {  // no second copy of what is trained
    const auto trained = parameters_.views().find(name);
    if (trained != parameters_.views().end()) tensor = trained->second;
  }
  for (const Supernet& given : setup_.teachers) {
    const Supernet teacher = given.to(setup_.device);
    teachers_.push_back(copy_of(teacher.slice(teacher.space().largest(), setup_.dtype)));
  }
  setup_.teachers.clear();
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
    if (parameters_.views().contains(slice.name)) reducer.expect_slice(slice.name);
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

Learner::FrontEnd Learner::make_front_end(const std::vector<Architecture>& architectures,
                                          const std::vector<size_t>& group) const {
  const Supernet& student = setup_.student;
  const std::vector<TensorSlice> slices = front_end_slices(architectures[group.front()]);
  FrontEnd front{.leaves = Leaves(parameters_, slices, setup_.dtype)};
  for (const size_t i : group) {
    front.every_frame |= needs_every_frame(student.blueprint(), architectures[i]);
  }
  front.tensors = front.leaves.tensors();
  front.tensors.merge(untrained(slices));
  return front;
}

Learner::Student Learner::make_student(const Architecture& architecture,
                                       std::vector<TensorSlice> slices,
                                       const FrontEnd& front) const {
  TensorMap tensors = untrained(slices);
  Leaves leaves(parameters_, std::move(slices), setup_.dtype);
  tensors.insert(leaves.tensors().begin(), leaves.tensors().end());
  tensors.insert(front.tensors.begin(), front.tensors.end());
  const Blueprint& blueprint = setup_.student.blueprint();
  return {std::move(leaves), make_subnet(blueprint, architecture, std::move(tensors))};
}

LossBreakdown Learner::loss_of(const Student& student, const SpeechBatch& batch, FrontEnd& front,
                               const TensorMap& goal, const StepData& step) const {
  const Architecture& architecture = student.subnet.architecture;
  const WantedOutputs wants = setup_.objective->student_wants(architecture);
  const Features& features = front.of(student.subnet, batch);
  const EncoderOutput output =
      encode_from(student.subnet, encoder_input(student.subnet, batch, features), wants);
  return setup_.objective->loss({output, architecture, student.subnet.tensors, goal, step});
}

Rows Learner::rows_for(const TrainingBatch& batch) const {
  std::vector<Row> missing;
  for (const Row& row : setup_.objective->needs().rows) {
    if (!batch.rows.contains(name_of(row))) missing.push_back(row);
  }
  Rows rows = batch.rows;
  if (missing.empty()) return rows;
  const at::Tensor& input = batch.clean.defined() ? batch.clean : batch.speech.waveform;
  rows.merge(teacher_rows(missing, teachers_, setup_.student.blueprint(),
                          {input, batch.speech.lengths, batch.speech.mask}));
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

StepLoss Learner::learn(const TrainingBatch& given, int64_t step, GradientReducer& reducer,
                        double weight) {
  const TrainingBatch batch = to_device(given, setup_.device);
  const std::vector<SampledSubnet> subnets = setup_.sampler->draw(step);
  const double share = 1.0 / static_cast<double>(subnets.size());
  const auto ready = [&](const std::string& parameter) { reducer.mark_ready(parameter); };
  const auto steps = static_cast<double>(setup_.steps);
  const double progress = steps > 0 ? static_cast<double>(step) / steps : 1;
  const StepData data =
      step_data(batch, progress, setup_.rng.fork("step", static_cast<uint64_t>(step)));
  const Rows rows = rows_for(batch);
  TensorMap goal = goal_of(*setup_.objective, rows, data);
  observe(goal, data);
  StepLoss sum;
  sum.by_role = subnets.size() > 1;
  sum.terms.resize(subnets.size());
  std::vector<std::vector<TensorSlice>> slices;
  const auto learn_one = [&](size_t i, FrontEnd& front) {
    const Student student = make_student(subnets[i].architecture, std::move(slices[i]), front);
    student.leaves.accumulate_into(reducer.gradients(), share * weight, ready);
    LossBreakdown loss = loss_of(student, batch.speech, front, goal, data);
    loss.total.backward();
    const at::Tensor part = loss.total.detach();
    sum.total = sum.total.defined() ? sum.total + part * share : part * share;
    sum.terms[i] = {subnets[i].role, part};
    if (!sum.by_role) sum.terms = std::move(loss.terms);
    if (i == 0 && setup_.in_place > 0 && subnets.size() > 1) {
      if (loss.rows.empty() && loss.goal.empty()) {
        throw InputError(
            "sampler.in_place: this objective gives no rows of the student that smaller subnets "
            "could learn from");
      }
      goal = setup_.objective->in_place_goal(rows, loss, setup_.in_place, data);
    }
  };
  std::vector<Architecture> architectures;
  for (const SampledSubnet& subnet : subnets) {
    architectures.push_back(subnet.architecture);
    slices.push_back(encoder_slices(subnet.architecture));
    expect_slices(slices.back(), reducer);
  }
  const std::vector<std::vector<size_t>> groups = by_front_end(architectures);
  for (const std::vector<size_t>& group : groups) {
    expect_slices(front_end_slices(architectures[group.front()]), reducer);
  }
  for (const std::vector<size_t>& group : groups) {
    FrontEnd front = make_front_end(architectures, group);
    front.leaves.accumulate_into(reducer.gradients(), share * weight, ready);
    for (const size_t i : group) learn_one(i, front);
    front.backward();
  }
  return sum;
}

std::vector<LossValues> Learner::evaluate(const TrainingBatch& given,
                                          const std::vector<Architecture>& architectures) {
  at::NoGradGuard no_grad;
  const TrainingBatch batch = to_device(given, setup_.device);
  const StepData data = step_data(batch, std::nullopt, setup_.rng.fork("evaluation"));
  const TensorMap goal = goal_of(*setup_.objective, rows_for(batch), data);
  std::vector<LossValues> values(architectures.size());
  for (const std::vector<size_t>& group : by_front_end(architectures)) {
    FrontEnd front = make_front_end(architectures, group);
    for (const size_t i : group) {
      const Student student =
          make_student(architectures[i], encoder_slices(architectures[i]), front);
      values[i] = loss_values(loss_of(student, batch.speech, front, goal, data));
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
