// Which teachers an objective learns from, by name: keys that pipeline files give beside the options of
// any kind but sums, whose objectives have their own. No keys: the first teacher.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/option_table.h"
#include "distill/objective/teacher_mean.h"

namespace concertina {

struct TeacherNames {
  std::vector<std::string> teachers;
  std::vector<double> weights;  // as many; none: equal ones
  bool standardised = false;
  bool head_layer = false;  // distill/objective/layer_head.h
};
const OptionTable<TeacherNames>& teacher_names_table();

// The options of an objective: those of its kind, and these.
struct NamedOptions {
  std::string kind_options;  // JSON
  TeacherNames names;
};
NamedOptions split_names(const std::string& options);
std::string joined_names(const NamedOptions& options);  // JSON

// The teachers by position; those that are not there are left out. No entries for no names.
TeacherMean mean_of_named(const TeacherNames& names, std::span<const TeacherSize> teachers);
// "teachers", and why they do not fit: an unknown name, with the nearest one, or different sizes.
std::optional<std::pair<std::string, std::string>> names_problem(
    const TeacherNames& names, std::span<const TeacherSize> teachers);

}  // namespace concertina
