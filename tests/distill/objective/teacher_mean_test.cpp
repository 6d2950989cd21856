// Several teachers: which rows an objective takes of them, and how often each runs.
#include "distill/objective/teacher_mean.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "distill/data/target_cache.h"
#include "distill/objective/sum.h"
#include "tests/distill/objective/parsed.h"
#include "tests/distill/one_step.h"
#include "tests/distill/teacher_norms.h"

namespace concertina {
namespace {

ObjectiveOptions pairs_of_last_layers() {
  return testing::options_of(
      "{kind: layer_pairs, map: pairs, teacher_layers: [1], student_layers: [2], channels: none}");
}

class SeveralTeachers : public ::testing::Test {
 protected:
  std::unique_ptr<Objective> objective(const TeacherMean& mean) const {
    return of_teachers(make_objective(pairs_of_last_layers(), sizes_of_teachers(sizes, mean)),
                       mean);
  }
  std::vector<Subnet> subnets() const {
    std::vector<Subnet> all;
    for (const Supernet& teacher : teachers) all.push_back(teacher.slice(space.largest()));
    return all;
  }
  Rows rows(const Objective& objective) const {
    return teacher_rows(objective.needs().rows, subnets(), space.blueprint(), batch);
  }
  TensorMap goal(const TeacherMean& mean) const {
    const auto made = objective(mean);
    return goal_of(*made, rows(*made), {.valid = valid_frames(space.blueprint(), batch)});
  }
  SearchSpace space = testing::tiny_space();
  std::vector<Supernet> teachers = {Supernet::random(testing::tiny_teacher(space), Rng(1)),
                                    Supernet::random(testing::tiny_teacher(space), Rng(2))};
  ObjectiveSizes sizes{.teachers = {{2, 32, 8}, {2, 32, 8}},
                       .student_depth = 2,
                       .student_dim = 32,
                       .student_head_dim = 8};
  SpeechBatch batch = make_batch(testing::tones(2, 8000, 3));
};

const std::string kRow = "0/hidden:1";

TEST_F(SeveralTeachers, AreNamedOrMeant) {
  const at::Tensor first = goal({{{0, 1}}}).at(kRow), second = goal({{{1, 3}}}).at(kRow);
  EXPECT_FALSE(first.equal(second));
  const at::Tensor mean = goal({{{0, 1}, {1, 3}}}).at(kRow);
  EXPECT_TRUE(mean.allclose(0.25 * first + 0.75 * second, 1e-5, 1e-6));
  const at::Tensor scaled = goal({{{0, 1}, {1, 1}}, /*standardised=*/true}).at(kRow);
  EXPECT_LT(scaled.mean(1).abs().max().item<double>(), 1e-5);
  EXPECT_FALSE(scaled.allclose(0.5 * first + 0.5 * second, 1e-2, 1e-2));
}

TEST_F(SeveralTeachers, AreSavedWithTheObjective) {
  const TeacherMean mean{{{0, 0.5}, {1, 2}}, true};
  const std::string json = objective(mean)->to_json();
  EXPECT_EQ(make_objective(json)->to_json(), json);
  EXPECT_EQ(make_objective(json)->needs().rows, objective(mean)->needs().rows);
  EXPECT_THROW(make_objective("{\"kind\":\"layer_mean\",\"teachers\":[3]}"), InputError);
}

TEST_F(SeveralTeachers, ThatDoNotFitAreNamed) {
  const auto problem = [&](const TeacherMean& mean) -> std::string {
    try {
      sizes_of_teachers(sizes, mean);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(problem({{{2, 1}}}), HasSubstr("needs teacher 2 of 2"));
  EXPECT_THAT(problem({{{0, 0}}}), HasSubstr("expected one above 0"));
  EXPECT_THAT(problem({{{1, 1}, {1, 1}}}), HasSubstr("names teacher 1 twice"));
  sizes.teachers[1].dim = 64;
  EXPECT_THAT(problem({{{0, 1}, {1, 1}}}), HasSubstr("give each an objective of its own"));
  EXPECT_EQ(problem({{{1, 1}}}), "");
}

TEST_F(SeveralTeachers, RunOnceEachUpToTheLayerThatIsNeeded) {
  const auto norms = [&](const std::vector<Row>& wanted) {
    return testing::teacher_norms_in(
        [&] { teacher_rows(wanted, subnets(), space.blueprint(), batch); });
  };
  const auto hidden = [](int32_t teacher, int32_t layer) {
    return Row{.teacher = teacher, .kind = RowKind::kHidden, .layer = layer};
  };
  const int64_t input = norms({hidden(0, 0)}), one = norms({hidden(0, 1)}),
                two = norms({hidden(0, 2)});
  ASSERT_GT(one, input);  // the layers above are not run
  EXPECT_EQ(two - one, one - input);
  EXPECT_EQ(norms({hidden(0, 0), hidden(0, 1), hidden(0, 2)}), two);
  EXPECT_EQ(norms({hidden(0, 2), hidden(1, 1)}), two + one);  // once each
  EXPECT_EQ(norms({}), 0);
  const int64_t frames = space.blueprint().frames(8000);
  batch.mask = at::arange(2 * frames).view({2, frames}).remainder(5).lt(2);
  Row masked = hidden(0, 2);
  masked.masked = true;  // masked_pairs: a second pass, and none where the first is cached
  EXPECT_EQ(norms({hidden(0, 2), masked}), 2 * two);
  EXPECT_EQ(norms({masked}), two);
}

// A sum with a loss for each teacher, and a mean of both: teachers that run and a cache teach the same.
TEST_F(SeveralTeachers, TeachTheLearner) {
  const auto made = [&] {
    std::vector<Summand> summands;
    summands.push_back({objective({{{0, 1}}}), {0.5, 0.5, {0, 1}}});
    summands.push_back({objective({{{0, 1}, {1, 1}}}), {}});
    return std::make_unique<SumObjective>(std::move(summands));
  };
  const auto learner = testing::layer_mean_learner(space, [&](Learner::Setup& setup) {
    setup.objective = made();
    setup.heads = setup.objective->parameters(Rng(1));
    setup.teachers = teachers;
    setup.in_place = 0.5;
  });
  TrainingBatch live = testing::batch_of(testing::tones(2, 8000, 3)), cached = live;
  cached.rows = rows(*made());
  EXPECT_EQ(cached.rows.size(), 2U);  // the first teacher's row is shared
  const auto gradient = [&](const TrainingBatch& given) {
    const auto alone = single_process_communicator();
    Gradients gradients(learner->parameters());
    GradientReducer reducer(*alone, learner->parameters(), gradients);
    learner->learn(given, 0, reducer);
    reducer.finish();
    return gradients.flat.clone();
  };
  const at::Tensor of_live = gradient(live);
  EXPECT_TRUE(of_live.allclose(gradient(cached), 1e-4, 1e-6));
  cached.rows.at("1/hidden:1").mul_(2);
  EXPECT_FALSE(of_live.allclose(gradient(cached), 1e-4, 1e-6));
}

}  // namespace
}  // namespace concertina
