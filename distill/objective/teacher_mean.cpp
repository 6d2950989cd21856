#include "distill/objective/teacher_mean.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/errors.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kTeachers = "teachers";
constexpr const char* kStandardised = "standardised";

void check_mean(const TeacherMean& mean) {
  if (mean.teachers.empty()) throw InputError("an objective needs at least one teacher");
  for (size_t i = 0; i < mean.teachers.size(); ++i) {
    const auto& [teacher, weight, name] = mean.teachers[i];
    if (teacher < 0 || !(weight > 0)) {
      throw InputError(fmt::format("teacher {} of an objective has weight {}: expected one above 0",
                                   teacher, weight));
    }
    for (size_t j = 0; j < i; ++j) {
      if (mean.teachers[j].teacher == teacher)
        throw InputError(fmt::format("an objective names teacher {} twice", teacher));
    }
  }
}

std::string size_text(const TeacherSize& size) {
  const std::string depth = fmt::format("{} layers", size.depth);
  return size.dim == 0 ? depth : fmt::format("{} of {}", depth, size.dim);
}

// Rows of the mean stand under the names that the objective knows: those of teacher 0.
class TeacherMeanObjective : public Objective {
 public:
  TeacherMeanObjective(std::unique_ptr<Objective> objective, TeacherMean mean)
      : objective_(std::move(objective)), mean_(std::move(mean)) {
    check_mean(mean_);
    for (const TeacherWeight& each : mean_.teachers) weights_ += each.weight;
  }

  Needs needs() const override {
    Needs needs = objective_->needs();
    std::vector<Row> rows;
    for (const Row& row : needs.rows) {
      for (const TeacherWeight& each : mean_.teachers) rows.push_back(of(row, each.teacher));
    }
    needs.rows = std::move(rows);
    return needs;
  }
  WantedOutputs student_wants(const Architecture& student) const override {
    return objective_->student_wants(student);
  }
  LossBreakdown loss(const LossInput& input) const override { return objective_->loss(input); }
  std::vector<Parameters::Init> parameters(const Rng& rng) const override {
    return objective_->parameters(rng);
  }
  std::vector<TensorSlice> slices(const Architecture& student) const override {
    return objective_->slices(student);
  }
  TensorMap goal(const Rows& rows, const StepData& step) const override {
    return objective_->goal(mean_of(rows, step.valid), step);
  }
  TensorMap in_place_goal(const Rows& teacher, const LossBreakdown& first, double weight,
                          const StepData& step) const override {
    return objective_->in_place_goal(mean_of(valid_rows(teacher, step.valid), step.valid), first,
                                     weight, step);
  }
  bool has_assistants() const override { return objective_->has_assistants(); }
  TensorMap assisted_goal(const TensorMap& goal, const TensorMap& assistant) const override {
    return objective_->assisted_goal(goal, assistant);
  }
  TensorMap initial_state(const RowSampler& sample, const Rng& rng) const override {
    const RowSampler mean = [&](int64_t i) {
      RowBatch batch = sample(i);
      batch.rows = mean_of(valid_rows(batch.rows, batch.valid), batch.valid);
      return batch;
    };
    return objective_->initial_state(mean, rng);
  }
  TensorMap observed(const TensorMap& goal, const StepData& step) const override {
    return objective_->observed(goal, step);
  }
  TensorMap next_state(const TensorMap& observed, const StepData& step) const override {
    return objective_->next_state(observed, step);
  }
  bool is_mean_over_clips() const override { return objective_->is_mean_over_clips(); }
  std::string to_json() const override { return with_teachers(objective_->to_json(), mean_); }

 private:
  static Row of(Row row, int32_t teacher) {
    row.teacher = teacher;
    return row;
  }
  at::Tensor part(const at::Tensor& row, const at::Tensor& valid) const {
    if (!mean_.standardised || !valid.defined()) return row;
    const at::Tensor seen = valid.narrow(1, 0, row.size(1));
    return at::where(seen.unsqueeze(2), instance_norm_over_time(row, seen), 0.0);
  }
  // Of rows that are 0 in invalid frames, cut to the shortest.
  Rows mean_of(const Rows& rows, const at::Tensor& valid) const {
    Rows mean;
    for (const Row& row : objective_->needs().rows) {
      at::Tensor sum;
      for (const auto& [teacher, weight, name] : mean_.teachers) {
        const at::Tensor x = part(rows.at(name_of(of(row, teacher))), valid) * (weight / weights_);
        const int64_t length = sum.defined() ? std::min(sum.size(1), x.size(1)) : x.size(1);
        sum = sum.defined() ? sum.narrow(1, 0, length) + x.narrow(1, 0, length) : x;
      }
      mean[name_of(row)] = sum;
    }
    return mean;
  }

  std::unique_ptr<Objective> objective_;
  TeacherMean mean_;
  double weights_ = 0;
};

}  // namespace

ObjectiveSizes sizes_of_teachers(ObjectiveSizes sizes, const TeacherMean& mean) {
  check_mean(mean);
  for (const TeacherWeight& each : mean.teachers) {
    if (each.teacher >= static_cast<int32_t>(sizes.teachers.size())) {
      throw InputError(
          fmt::format("an objective needs teacher {} of {}", each.teacher, sizes.teachers.size()));
    }
  }
  if (const std::string problem = mean_problem(mean, sizes.teachers); !problem.empty())
    throw InputError(problem);
  sizes.teachers = {sizes.teachers[static_cast<size_t>(mean.teachers.front().teacher)]};
  return sizes;
}

std::string mean_problem(const TeacherMean& mean, std::span<const TeacherSize> teachers) {
  for (const TeacherWeight& each : mean.teachers) {
    const TeacherSize& first = teachers[static_cast<size_t>(mean.teachers.front().teacher)];
    const TeacherSize& other = teachers[static_cast<size_t>(each.teacher)];
    if (have_equal_sizes(first, other)) continue;
    return fmt::format(
        "teachers {} and {} have different sizes ({} and {}), so their rows have no mean: give "
        "each "
        "an objective of its own in a sum",
        mean.teachers.front().name, each.name, size_text(first), size_text(other));
  }
  return "";
}

std::unique_ptr<Objective> of_teachers(std::unique_ptr<Objective> objective, TeacherMean mean) {
  return std::make_unique<TeacherMeanObjective>(std::move(objective), std::move(mean));
}

std::string with_teachers(const std::string& saved, const TeacherMean& mean) {
  Json json = Json::parse(saved);
  for (const auto& [teacher, weight, name] : mean.teachers)
    json[kTeachers].push_back({{"teacher", teacher}, {"weight", weight}, {"name", name}});
  if (mean.standardised) json[kStandardised] = true;
  return json.dump();
}

SavedTeachers split_teachers(const std::string& saved) {
  Json json = Json::parse(saved, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains(kTeachers)) return {saved, {}};
  SavedTeachers result;
  for (const Json& each : json.at(kTeachers)) {
    const bool known = each.is_object() && each.contains("teacher") && each.contains("weight") &&
                       each["teacher"].is_number_integer() && each["weight"].is_number();
    if (!known) throw InputError("the objective's description is invalid: teachers are numbers");
    result.mean.teachers.push_back({each["teacher"].get<int32_t>(), each["weight"].get<double>(),
                                    each.value("name", std::string(kFirstTeacher))});
  }
  result.mean.standardised = json.value(kStandardised, false);
  json.erase(kTeachers);
  json.erase(kStandardised);
  result.saved = json.dump();
  return result;
}

}  // namespace concertina
