#include "distill/objective/teacher_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kNames = "teachers";
constexpr const char* kWeights = "teacher_weights";
constexpr const char* kStandardise = "standardise_teachers";
constexpr const char* kHeadLayer = "head_layer";

Json names_json(const TeacherNames& names) {
  const Json json = Json::parse(teacher_names_table().fingerprint_json(names));
  return json.is_object() ? json : Json::object();
}

std::vector<std::string> names_of(std::span<const TeacherSize> teachers) {
  std::vector<std::string> names;
  for (const TeacherSize& teacher : teachers) names.push_back(teacher.name);
  return names;
}

}  // namespace

const OptionTable<TeacherNames>& teacher_names_table() {
  using O = TeacherNames;
  static const OptionTable<O> table = {
      option(
          kNames, &O::teachers,
          "names of the teachers whose mean rows it learns from; `teacher` is the first one, the "
          "others are those of the file's list `teachers`")
          .in_fingerprint_if([](const O& o) { return !o.teachers.empty(); })
          .require(
              [](const O& o) {
                const auto repeated = [&](const std::string& name) {
                  return std::ranges::count(o.teachers, name) > 1;
                };
                return std::ranges::none_of(o.teachers, repeated);
              },
              "expected each teacher once"),
      option(kWeights, &O::weights, "of these teachers in their mean; none: equal ones")
          .within({1e-6, 1e6})
          .in_fingerprint_if([](const O& o) { return !o.weights.empty(); })
          .require(
              [](const O& o) { return o.weights.empty() || o.weights.size() == o.teachers.size(); },
              "expected as many numbers as teachers"),
      option(kStandardise, &O::standardised,
             "each channel of a teacher's rows has mean 0 and variance 1 over a clip before the "
             "mean")
          .in_fingerprint_if([](const O& o) { return o.standardised; })
          .require([](const O& o) { return !o.standardised || !o.teachers.empty(); },
                   "expected teachers with it"),
      option(kHeadLayer, &O::head_layer,
             "an encoder layer of its own on top of every subnet (CERBERUS), which `extract "
             "--head` exports")
          .in_fingerprint_if([](const O& o) { return o.head_layer; }),
  };
  return table;
}

NamedOptions split_names(const std::string& options) {
  Json json = Json::parse(options);
  NamedOptions result;
  TeacherNames& names = result.names;
  names.teachers = json.value(kNames, names.teachers);
  names.weights = json.value(kWeights, names.weights);
  names.standardised = json.value(kStandardise, names.standardised);
  names.head_layer = json.value(kHeadLayer, names.head_layer);
  for (const char* key : {kNames, kWeights, kStandardise, kHeadLayer}) json.erase(key);
  result.kind_options = json.dump();
  return result;
}

std::string joined_names(const NamedOptions& options) {
  Json json = Json::parse(options.kind_options);
  json.update(names_json(options.names));
  return json.dump();
}

TeacherMean mean_of_named(const TeacherNames& names, std::span<const TeacherSize> teachers) {
  TeacherMean mean{{}, names.standardised};
  for (size_t i = 0; i < names.teachers.size(); ++i) {
    const auto found = std::ranges::find(teachers, names.teachers[i], &TeacherSize::name);
    if (found == teachers.end()) continue;
    mean.teachers.push_back({.teacher = static_cast<int32_t>(found - teachers.begin()),
                             .weight = i < names.weights.size() ? names.weights[i] : 1,
                             .name = names.teachers[i]});
  }
  return mean;
}

std::optional<std::pair<std::string, std::string>> names_problem(
    const TeacherNames& names, std::span<const TeacherSize> teachers) {
  const auto at_names = [](std::string why) {
    return std::pair<std::string, std::string>(kNames, std::move(why));
  };
  const std::vector<std::string> known = names_of(teachers);
  for (const std::string& name : names.teachers) {
    if (std::ranges::count(known, name) == 0)
      return at_names(fmt::format("unknown teacher '{}'{}; teachers are {}", name,
                                  did_you_mean(name, known), fmt::join(known, ", ")));
  }
  const TeacherMean mean = mean_of_named(names, teachers);
  if (const std::string problem = mean_problem(mean, teachers); !problem.empty())
    return at_names(problem);
  return std::nullopt;
}

}  // namespace concertina
