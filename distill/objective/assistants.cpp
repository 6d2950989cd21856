#include "distill/objective/assistants.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "distill/objective/heads.h"
#include "distill/objective/kind_of.h"
#include "distill/objective/mixture.h"

namespace concertina {
namespace {

const std::string kUnitsHead = "objective.head";
const std::string kGiven = "probabilities", kMixture = "weights";

std::string assistant_name(int64_t k) { return fmt::format("assistant.{}", k); }

int64_t assistants_in(const TensorMap& goal) {
  int64_t count = 0;
  while (goal.contains(assistant_name(count))) ++count;
  return count;
}

// [B, T, K] of the first `count`, cut to `length` frames; weights [>= count].
at::Tensor mixture_of(const TensorMap& goal, int64_t count, const at::Tensor& weights,
                      int64_t length) {
  const at::Tensor shares = weights.slice(0, 0, count) + 1e-6;
  at::Tensor sum;
  for (int64_t k = 0; k < count; ++k) {
    const at::Tensor part = goal.at(assistant_name(k)).narrow(1, 0, length) * shares.select(0, k);
    sum = sum.defined() ? sum + part : part;
  }
  return sum / shares.sum();
}

}  // namespace

const OptionTable<AssistantsSpec>& AssistantsObjective::options() {
  using O = AssistantsSpec;
  static const OptionTable<O> table = {
      option("count", &O::count,
             "the most assistants that a subnet has: the largest of the step's larger subnets")
          .within({1, 8}),
      option("share", &O::share, "of their mixture in the loss; the rest is the units'")
          .within({0, 1}),
      option("temperature", &O::temperature, "of their probabilities").within({1e-3, 1e3}),
  };
  return table;
}

const OptionTable<AssistantsSpec>& AssistantsObjective::sizes() {
  using O = AssistantsSpec;
  static const OptionTable<O> table = {
      option("units", &O::units, "").within({1, 1e6}),
      option("student_dim", &O::student_dim, "").within({0, 1e6}),
  };
  return table;
}

void AssistantsObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  spec.units = sizes.units;
  spec.student_dim = sizes.student_dim;
}

std::optional<std::pair<std::string, std::string>> AssistantsObjective::problem(const Spec&,
                                                                                int32_t) {
  return std::nullopt;
}

AssistantsObjective::AssistantsObjective(const AssistantsSpec& spec) : spec_(spec) {}

Needs AssistantsObjective::needs() const { return {.units = true}; }

WantedOutputs AssistantsObjective::student_wants(const Architecture&) const { return {}; }

std::vector<Parameters::Init> AssistantsObjective::parameters(const Rng& rng) const {
  return head_parameters(kUnitsHead, spec_.units, spec_.student_dim, rng);
}

std::vector<TensorSlice> AssistantsObjective::slices(const Architecture& student) const {
  return head_slices(kUnitsHead, spec_.units, student.embed_dim());
}

TensorMap AssistantsObjective::assisted_goal(const TensorMap& goal,
                                             const TensorMap& assistant) const {
  const int64_t count = assistants_in(goal);
  TensorMap result = goal;
  if (count < spec_.count) result[assistant_name(count)] = assistant.at(kGiven);
  return result;
}

LossBreakdown AssistantsObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  CONCERTINA_ASSERT(input.step.units.defined());
  const int64_t count = assistants_in(input.goal);
  const at::Tensor all =
      to_base_frames(frames, apply_head(input.heads, kUnitsHead, valid_only(frames, frames.x)));
  int64_t length = std::min(all.size(1), input.step.units.size(1));
  for (int64_t k = 0; k < count; ++k)
    length = std::min(length, input.goal.at(assistant_name(k)).size(1));
  const at::Tensor own = all.narrow(1, 0, length), units = input.step.units.narrow(1, 0, length);
  const at::Tensor valid = base_valid(frames).narrow(1, 0, length);
  const at::Tensor entropy =
      at::cross_entropy_loss(own.flatten(0, 1), units.flatten(), {}, at::Reduction::None)
          .view_as(units);
  LossBreakdown result;
  result.total = mean_where(entropy, valid);
  const at::Tensor hits = own.detach().argmax(-1).eq(units).to(at::kFloat);
  result.terms = {{"units", result.total.detach()}, {"accuracy", mean_where(hits, valid)}};
  const double t = spec_.temperature;
  if (input.step.progress) result.assistant[kGiven] = (all / t).softmax(-1).detach();
  if (count == 0) return result;
  const at::Tensor p = mixture_of(input.goal, count, input.step.state.at(kMixture), length);
  const at::Tensor apart = (at::xlogy(p, p) - p * (own / t).log_softmax(-1)).sum(-1) * (t * t);
  const at::Tensor from_assistants = mean_where(apart, valid);
  result.total = result.total * (1 - spec_.share) + from_assistants * spec_.share;
  result.terms.emplace_back("assistants", from_assistants.detach());
  return result;
}

TensorMap AssistantsObjective::initial_state(const RowSampler&, const Rng&) const {
  const int64_t count = spec_.count;
  return {{kMixture, at::full({count}, 1.0 / static_cast<double>(count))},
          {kGiven, at::ones({kWindow, count})}};
}

TensorMap AssistantsObjective::observed(const TensorMap& goal, const StepData& step) const {
  if (assistants_in(goal) < spec_.count) return {};
  std::vector<at::Tensor> given;
  for (int64_t k = 0; k < spec_.count; ++k) {
    const at::Tensor& p = goal.at(assistant_name(k));
    const int64_t length = std::min({p.size(1), step.units.size(1), step.valid.size(1)});
    const at::Tensor units = step.units.narrow(1, 0, length).unsqueeze(2);
    const at::Tensor of_units = p.narrow(1, 0, length).gather(2, units).squeeze(2);
    given.push_back(at::where(step.valid.narrow(1, 0, length), of_units, 1.0).flatten());
  }
  return {{kGiven, at::stack(given, 1)}};
}

TensorMap AssistantsObjective::next_state(const TensorMap& observed, const StepData& step) const {
  const auto added = observed.find(kGiven);
  if (added == observed.end()) return step.state;
  const at::Tensor recent = at::cat({step.state.at(kGiven), added->second}).slice(0, -kWindow);
  const Rng rng = step.rng.fork("assistants");
  return {{kMixture, evolved_weights(step.state.at(kMixture), recent, kGenerations, rng)},
          {kGiven, recent}};
}

std::string AssistantsObjective::to_json() const { return saved_json<AssistantsObjective>(spec_); }

}  // namespace concertina
