// Teachers by name, beside the options of any kind.
#include "distill/objective/teacher_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "tests/distill/objective/parsed.h"

namespace concertina {
namespace {

using testing::options_of;

using ::testing::HasSubstr;

const ObjectiveSizes kSizes{.teachers = {{2, 32, 8},
                                         {.depth = 2, .dim = 32, .head_dim = 8, .name = "b"},
                                         {.depth = 3, .dim = 48, .head_dim = 8, .name = "deep"}},
                            .student_depth = 2,
                            .student_dim = 32,
                            .student_head_dim = 8};

std::vector<std::string> rows_of(const std::string& yaml) {
  std::vector<std::string> names;
  for (const Row& row : make_objective(options_of(yaml), kSizes)->needs().rows)
    names.push_back(name_of(row));
  return names;
}

TEST(TeacherNames, AreRowsOfThoseTeachers) {
  using ::testing::ElementsAre;
  EXPECT_THAT(rows_of("{kind: layer_mean, top: 2}"), ElementsAre("0/layer_mean:2:inorm"));
  EXPECT_THAT(rows_of("{kind: layer_mean, top: 3, teachers: [deep]}"),
              ElementsAre("2/layer_mean:3:inorm"));
  EXPECT_THAT(rows_of("{kind: layer_mean, top: 2, teachers: [b, teacher]}"),
              ElementsAre("1/layer_mean:2:inorm", "0/layer_mean:2:inorm"));
  EXPECT_THAT(rows_of("{kind: sum, of: [{kind: layer_mean, top: 1}, {kind: layer_mean, top: 1, "
                      "teachers: [deep]}]}"),
              ElementsAre("0/layer_mean:1:inorm", "2/layer_mean:1:inorm"));
}

TEST(TeacherNames, AreSavedWithWeights) {
  const auto objective = make_objective(
      options_of("{kind: layer_mean, top: 2, teachers: [teacher, b], teacher_weights: [1, 3], "
                 "standardise_teachers: true}"),
      kSizes);
  const SavedTeachers saved = split_teachers(objective->to_json());
  ASSERT_EQ(saved.mean.teachers.size(), 2U);
  EXPECT_EQ(saved.mean.teachers[1].name, "b");
  EXPECT_EQ(saved.mean.teachers[1].teacher, 1);
  EXPECT_EQ(saved.mean.teachers[1].weight, 3);
  EXPECT_TRUE(saved.mean.standardised);
  EXPECT_EQ(make_objective(objective->to_json())->to_json(), objective->to_json());
}

TEST(TeacherNames, AreNamedOnceEach) {
  EXPECT_EQ(named_teachers(options_of("{kind: layer_mean}")),
            (std::vector<std::string>{"teacher"}));
  EXPECT_EQ(named_teachers(options_of(
                "{kind: sum, of: [{kind: layer_mean, teachers: [b]}, {kind: layer_mean}, {kind: "
                "layer_mean, teachers: [deep, b]}]}")),
            (std::vector<std::string>{"b", "teacher", "deep"}));
}

// What a run is compared by must not change for objectives without them.
TEST(TeacherNames, AreNoPartOfOtherOptions) {
  EXPECT_THAT(options_of("{kind: layer_pairs}").json, ::testing::Not(HasSubstr("teachers\"")));
  EXPECT_THAT(options_of("{kind: layer_mean, teachers: [b]}").json,
              HasSubstr("\"teachers\":[\"b\"]"));
  ObjectiveOptions other = options_of("{kind: layer_mean, teachers: [b]}");
  ConfigFile file = ConfigFile::parse("objective: {kind: layer_pairs}");
  read_objective(file.root().section("objective"), other);
  file.finish();
  EXPECT_EQ(other, options_of("{kind: layer_pairs}"));
}

TEST(TeacherNames, ThatDoNotFitAreNamed) {
  const auto problem = [](const std::string& yaml) {
    const auto found = objective_problem(options_of(yaml), kSizes.teachers);
    return found ? found->first + ": " + found->second : "";
  };
  EXPECT_EQ(problem("{kind: layer_mean, top: 3, teachers: [deep]}"), "");
  EXPECT_THAT(problem("{kind: layer_mean, teachers: [dep]}"),
              HasSubstr("teachers: unknown teacher 'dep' (did you mean 'deep'?); teachers are "
                        "teacher, b, deep"));
  EXPECT_THAT(problem("{kind: layer_mean, top: 2, teachers: [teacher, deep]}"),
              HasSubstr("(2 layers of 32 and 3 layers of 48)"));
  EXPECT_EQ(problem("{kind: layer_mean, top: 3, teachers: [b]}"),
            "top: the teacher has 2 layers, not 3");
  EXPECT_THAT(problem("{kind: sum, of: [{kind: layer_mean, top: 1}, {kind: layer_mean, teachers: "
                      "[x]}]}"),
              HasSubstr("of.1.teachers: unknown teacher 'x'"));
  EXPECT_THROW(make_objective(options_of("{kind: layer_mean, teachers: [x]}"), kSizes), InputError);
  EXPECT_THROW(options_of("{kind: layer_mean, teachers: [b, b]}"), InputError);
  EXPECT_THROW(options_of("{kind: layer_mean, teachers: [b], teacher_weights: [0]}"), InputError);
  EXPECT_THROW(options_of("{kind: layer_mean, standardise_teachers: true}"), InputError);
}

}  // namespace
}  // namespace concertina
