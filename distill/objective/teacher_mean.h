// An objective of another teacher than the first, or of an ensemble: it learns from the weighted mean of
// the rows of several teachers, as they are or standardised (mean 0 and variance 1 of each channel over a
// clip's valid frames), whatever its kind. Where each teacher shall have a loss of its own (Matsubara et al.
// 2022), a sum has one such objective for each.
//
//   of_teachers(make_objective(options, sizes_of_teachers(sizes, mean)), mean)
//
// Saved objectives have the mean in "teachers"; make_objective() reads it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "distill/objective/objective.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

struct TeacherWeight {
  int32_t teacher = 0;  // which of a stage's teachers
  double weight = 1;    // above 0
  std::string name = kFirstTeacher;
};

struct TeacherMean {
  std::vector<TeacherWeight> teachers;  // at least one, each once
  bool standardised = false;
};

// The sizes of the teachers as those of one. InputError for a teacher that is not there, a weight that is
// not above 0, and teachers of different sizes, whose rows have no mean.
ObjectiveSizes sizes_of_teachers(ObjectiveSizes sizes, const TeacherMean& mean);
// Why teachers that are there have no mean; "": they have.
std::string mean_problem(const TeacherMean& mean, std::span<const TeacherSize> teachers);

std::unique_ptr<Objective> of_teachers(std::unique_ptr<Objective> objective, TeacherMean mean);

std::string with_teachers(const std::string& saved, const TeacherMean& mean);
// `saved` without its "teachers", and these; no teachers where it has none. InputError.
struct SavedTeachers {
  std::string saved;
  TeacherMean mean;
};
SavedTeachers split_teachers(const std::string& saved);

}  // namespace concertina
