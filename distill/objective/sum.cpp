#include "distill/objective/sum.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "distill/objective/kind_of.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kHeads = "objective.";

std::string with_index(size_t i, const std::string& name) { return fmt::format("{}.{}", i, name); }

std::string head_name(size_t i, const std::string& name) {
  CONCERTINA_ASSERT(name.starts_with(kHeads));
  return fmt::format("{}{}.{}", kHeads, i, name.substr(kHeads.size()));
}

// The tensors of summand i, under its own names.
TensorMap part_of(const TensorMap& all, size_t i) {
  const std::string prefix = fmt::format("{}.", i);
  TensorMap part;
  for (const auto& [name, tensor] : all) {
    if (name.starts_with(prefix)) part[name.substr(prefix.size())] = tensor;
  }
  return part;
}

TensorMap heads_of(const TensorMap& all, size_t i) {
  const std::string prefix = fmt::format("{}{}.", kHeads, i);
  TensorMap part;
  for (auto it = all.lower_bound(prefix); it != all.end() && it->first.starts_with(prefix); ++it)
    part[std::string(kHeads) + it->first.substr(prefix.size())] = it->second;
  return part;
}

void add_part(TensorMap& all, size_t i, const TensorMap& part) {
  for (const auto& [name, tensor] : part) all[with_index(i, name)] = tensor;
}

StepData step_of(const StepData& step, size_t i) {
  StepData own = step;
  own.rng = step.rng.fork("summand", i);
  own.state = part_of(step.state, i);
  return own;
}

// The keys of a summand that are not its objective's.
struct Weighting {
  std::vector<double> weight = {1};
  NumberRange over{0, 1};
};

const OptionTable<Weighting>& weighting_table() {
  using O = Weighting;
  static const OptionTable<O> table = {
      option("weight", &O::weight, "of the objective in the sum; [FIRST, LAST]: changes linearly")
          .within({0, 1e6})
          .require([](const O& o) { return o.weight.size() == 1 || o.weight.size() == 2; },
                   "expected one number, or the first and the last"),
      option("over", &O::over, "shares of the steps between which a weight changes")
          .within({0, 1})
          .in_fingerprint_if([](const O& o) { return o.weight.size() == 2; }),
  };
  return table;
}

Weighting weighting_of(const Json& json) {
  Weighting weighting;
  read_json(json.dump(), [&](ConfigSection section) {
    for (const std::string& key : section.keys()) section.allow(key);
    weighting_table().read(section, weighting);
  });
  return weighting;
}

Json weighting_json(const Weighting& weighting) {
  return Json::parse(weighting_table().fingerprint_json(weighting));
}

Json without_weighting(Json json) {
  json.erase("weight");
  json.erase("over");
  return json;
}

const Json& summands_in(const Json& json) {
  const auto found = json.find("of");
  if (found == json.end() || !found->is_array() || found->empty()) {
    throw InputError("the objective's description is invalid: a sum needs a list `of` objectives");
  }
  return *found;
}

std::string read_sum(ConfigSection section, const std::string&) {
  Json json = {{"kind", "sum"}, {"of", Json::array()}};
  if (!section.has("of")) section.problem("of", "is missing: a list of objectives");
  for (ConfigSection& each : section.list("of")) {
    ObjectiveOptions options;
    read_objective(each, options);
    Weighting weighting;
    weighting_table().read(each, weighting);
    Json summand = Json::parse(options.json);
    if (summand.at("kind") == "sum") each.problem("kind", "a sum of sums is not supported");
    summand.update(weighting_json(weighting));
    json["of"].push_back(std::move(summand));
  }
  return json.dump();
}

std::vector<OptionRow> list_sum(const std::string& prefix) {
  std::vector<OptionRow> rows = {{.key = detail::dotted(prefix, "of"),
                                  .type = "list of objectives",
                                  .help = "maps with kind, its options, weight and over"}};
  for (OptionRow& row : weighting_table().list(detail::dotted(prefix, "of"), {}))
    rows.push_back(std::move(row));
  return rows;
}

std::optional<std::pair<std::string, std::string>> sum_problem(
    const std::string& options, std::span<const TeacherSize> teachers) {
  const Json all = Json::parse(options);
  const Json& summands = summands_in(all);
  for (size_t i = 0; i < summands.size(); ++i) {
    const ObjectiveOptions own(without_weighting(summands[i]).dump());
    if (const auto problem = objective_problem(own, teachers))
      return std::pair(fmt::format("of.{}.{}", i, problem->first), problem->second);
  }
  return std::nullopt;
}

ObjectiveTraits sum_traits(const std::string& options) {
  ObjectiveTraits all{.in_place = false};
  const Json json = Json::parse(options);
  for (const Json& summand : summands_in(json)) {
    const ObjectiveTraits own = traits_of(ObjectiveOptions(without_weighting(summand).dump()));
    all.reads_mask |= own.reads_mask;
    all.reads_units |= own.reads_units;
    all.reads_logits |= own.reads_logits;
    all.in_place |= own.in_place;
    all.head_layer |= own.head_layer;
  }
  return all;
}

std::string sum_with_sizes(const std::string& options, const ObjectiveSizes& sizes) {
  Json json = {{"kind", "sum"}, {"of", Json::array()}};
  const Json all = Json::parse(options);
  for (const Json& summand : summands_in(all)) {
    Json saved = Json::parse(saved_objective(without_weighting(summand).dump(), sizes));
    saved.update(weighting_json(weighting_of(summand)));
    json["of"].push_back(std::move(saved));
  }
  return json.dump();
}

std::unique_ptr<Objective> make_sum(const std::string& text) {
  const Json json = Json::parse(text);
  std::vector<Summand> summands;
  for (const Json& saved : summands_in(json)) {
    const Weighting weighting = weighting_of(saved);
    summands.push_back({make_objective(without_weighting(saved).dump()),
                        {weighting.weight.front(), weighting.weight.back(), weighting.over}});
  }
  return std::make_unique<SumObjective>(std::move(summands));
}

}  // namespace

double WeightSchedule::at(std::optional<double> progress) const {
  if (!progress) return std::max(first, last);
  if (*progress <= over.low) return first;
  if (*progress >= over.high) return last;
  return first + (last - first) * (*progress - over.low) / (over.high - over.low);
}

SumObjective::SumObjective(std::vector<Summand> summands) : summands_(std::move(summands)) {
  CONCERTINA_ASSERT(!summands_.empty());
}

Needs SumObjective::needs() const {
  Needs all;
  for (const Summand& summand : summands_) {
    const Needs own = summand.objective->needs();
    all.rows.insert(all.rows.end(), own.rows.begin(), own.rows.end());
    all.mask |= own.mask;
    all.units |= own.units;
  }
  std::sort(all.rows.begin(), all.rows.end());
  all.rows.erase(std::unique(all.rows.begin(), all.rows.end()), all.rows.end());
  return all;
}

WantedOutputs SumObjective::student_wants(const Architecture& student) const {
  WantedOutputs wants;
  for (const Summand& summand : summands_) merge(wants, summand.objective->student_wants(student));
  return wants;
}

std::vector<Parameters::Init> SumObjective::parameters(const Rng& rng) const {
  std::vector<Parameters::Init> all;
  for (size_t i = 0; i < summands_.size(); ++i) {
    for (Parameters::Init& init : summands_[i].objective->parameters(rng.fork("summand", i))) {
      init.name = head_name(i, init.name);
      all.push_back(std::move(init));
    }
  }
  return all;
}

std::vector<TensorSlice> SumObjective::slices(const Architecture& student) const {
  std::vector<TensorSlice> all;
  for (size_t i = 0; i < summands_.size(); ++i) {
    for (TensorSlice& slice : summands_[i].objective->slices(student)) {
      slice.name = head_name(i, slice.name);
      all.push_back(std::move(slice));
    }
  }
  return all;
}

TensorMap SumObjective::goal(const Rows& rows, const StepData& step) const {
  TensorMap all;
  for (size_t i = 0; i < summands_.size(); ++i)
    add_part(all, i, summands_[i].objective->goal(rows, step_of(step, i)));
  return all;
}

TensorMap SumObjective::in_place_goal(const Rows& teacher, const LossBreakdown& first,
                                      double weight, const StepData& step) const {
  TensorMap all;
  for (size_t i = 0; i < summands_.size(); ++i) {
    const LossBreakdown own{.rows = part_of(first.rows, i), .goal = part_of(first.goal, i)};
    add_part(all, i, summands_[i].objective->in_place_goal(teacher, own, weight, step_of(step, i)));
  }
  return all;
}

bool SumObjective::has_assistants() const {
  return std::ranges::any_of(
      summands_, [](const Summand& summand) { return summand.objective->has_assistants(); });
}

TensorMap SumObjective::assisted_goal(const TensorMap& goal, const TensorMap& assistant) const {
  TensorMap all;
  for (size_t i = 0; i < summands_.size(); ++i) {
    const TensorMap own = part_of(goal, i);
    const Objective& objective = *summands_[i].objective;
    add_part(
        all, i,
        objective.has_assistants() ? objective.assisted_goal(own, part_of(assistant, i)) : own);
  }
  return all;
}

LossBreakdown SumObjective::loss(const LossInput& input) const {
  LossBreakdown sum;
  for (size_t i = 0; i < summands_.size(); ++i) {
    const TensorMap heads = heads_of(input.heads, i), goal = part_of(input.goal, i);
    const StepData step = step_of(input.step, i);
    LossBreakdown own =
        summands_[i].objective->loss({input.student, input.architecture, heads, goal, step});
    const at::Tensor part = own.total * summands_[i].weight.at(input.step.progress);
    sum.total = sum.total.defined() ? sum.total + part : part;
    for (auto& [name, term] : own.terms) sum.terms.emplace_back(with_index(i, name), term);
    add_part(sum.rows, i, own.rows);
    add_part(sum.goal, i, own.goal);
    add_part(sum.assistant, i, own.assistant);
  }
  return sum;
}

TensorMap SumObjective::initial_state(const RowSampler& sample, const Rng& rng) const {
  TensorMap all;
  for (size_t i = 0; i < summands_.size(); ++i)
    add_part(all, i, summands_[i].objective->initial_state(sample, rng.fork("summand", i)));
  return all;
}

TensorMap SumObjective::observed(const TensorMap& goal, const StepData& step) const {
  TensorMap all;
  for (size_t i = 0; i < summands_.size(); ++i)
    add_part(all, i, summands_[i].objective->observed(part_of(goal, i), step_of(step, i)));
  return all;
}

TensorMap SumObjective::next_state(const TensorMap& observed, const StepData& step) const {
  TensorMap all;
  for (size_t i = 0; i < summands_.size(); ++i)
    add_part(all, i, summands_[i].objective->next_state(part_of(observed, i), step_of(step, i)));
  return all;
}

bool SumObjective::is_mean_over_clips() const {
  return std::ranges::all_of(
      summands_, [](const Summand& summand) { return summand.objective->is_mean_over_clips(); });
}

std::string SumObjective::to_json() const {
  Json json = {{"kind", "sum"}, {"of", Json::array()}};
  for (const Summand& summand : summands_) {
    Weighting weighting{{summand.weight.first}, summand.weight.over};
    if (summand.weight.last != summand.weight.first)
      weighting.weight.push_back(summand.weight.last);
    Json saved = Json::parse(summand.objective->to_json());
    saved.update(weighting_json(weighting));
    json["of"].push_back(std::move(saved));
  }
  return json.dump();
}

ObjectiveKind sum_kind() {
  return {.name = "sum",
          .help = "the weighted sum of several objectives",
          .read = read_sum,
          .list = list_sum,
          .problem = sum_problem,
          .traits = sum_traits,
          .with_sizes = sum_with_sizes,
          .make = make_sum};
}

}  // namespace concertina
