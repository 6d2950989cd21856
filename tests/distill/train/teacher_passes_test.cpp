// How often the teachers run in a step: once, whatever number of subnets learns from them. All kinds of
// objectives: tests/distill/objective/all_kinds_test.cpp.
#include <gtest/gtest.h>

#include <utility>

#include "distill/objective/sum.h"
#include "distill/objective/teacher_mean.h"
#include "tests/distill/objective/parsed.h"
#include "tests/distill/one_step.h"
#include "tests/distill/teacher_norms.h"

namespace concertina {
namespace {

constexpr int64_t kSubnets = 5;
const LayerMeanSpec kMean{2, Distance::kL1, true, 2, 32, 32};

using Fetch = std::function<void()>;

// Asks for the rows again for every subnet.
class RowsOfEachSubnet : public LayerMeanObjective {
 public:
  explicit RowsOfEachSubnet(Fetch fetch) : LayerMeanObjective(kMean), fetch_(std::move(fetch)) {}
  LossBreakdown loss(const LossInput& input) const override {
    fetch_();
    return LayerMeanObjective::loss(input);
  }

 private:
  Fetch fetch_;
};

// Asks for the rows again for the goal of the smaller subnets.
class RowsOfEachGoal : public LayerMeanObjective {
 public:
  explicit RowsOfEachGoal(Fetch fetch) : LayerMeanObjective(kMean), fetch_(std::move(fetch)) {}
  TensorMap in_place_goal(const Rows& teacher, const LossBreakdown& first, double weight,
                          const StepData& step) const override {
    fetch_();
    return LayerMeanObjective::in_place_goal(teacher, first, weight, step);
  }

 private:
  Fetch fetch_;
};

class TeacherPasses : public ::testing::Test {
 protected:
  Rows rows(const std::vector<Row>& wanted) const {
    std::vector<Subnet> subnets;
    for (const Supernet& teacher : teachers) subnets.push_back(teacher.slice(space.largest()));
    return teacher_rows(wanted, subnets, space.blueprint(), batch.speech);
  }
  Fetch fetch() const {
    return [this] { rows(LayerMeanObjective(kMean).needs().rows); };
  }
  std::unique_ptr<Objective> objective(const char* yaml) const {
    return make_objective(
        testing::options_of(yaml),
        {.teachers = {{2, 32, 8}}, .student_depth = 2, .student_dim = 32, .student_head_dim = 8});
  }
  // In a step of a sandwich of kSubnets, as a multiple of the norms of one pass of each teacher that the
  // objective needs, up to the layer that it needs.
  int64_t passes(std::unique_ptr<Objective> objective, double in_place) const {
    std::vector<Row> open = objective->needs().rows;
    std::erase_if(open, [](const Row& row) { return row.masked; });
    const int64_t one = testing::teacher_norms_in([&] { rows(open); });
    EXPECT_GT(one, 0);
    const auto learner = testing::layer_mean_learner(space, [&](Learner::Setup& setup) {
      setup.objective = std::move(objective);
      setup.heads = setup.objective->parameters(Rng(1));
      setup.sampler =
          make_sampler({.kind = SamplerKind::kSandwich, .random = kSubnets - 2}, space, 4, Rng(3));
      setup.teachers = teachers;
      setup.in_place = in_place;
    });
    EXPECT_EQ(std::ssize(learner->sampler().draw(2)), kSubnets);
    const auto alone = single_process_communicator();
    Gradients gradients(learner->parameters());
    GradientReducer reducer(*alone, learner->parameters(), gradients);
    const int64_t all = testing::teacher_norms_in([&] { learner->learn(batch, 2, reducer); });
    EXPECT_EQ(all % one, 0);
    return all / one;
  }
  SearchSpace space = testing::tiny_space();
  std::vector<Supernet> teachers = {Supernet::random(testing::tiny_teacher(space), Rng(1)),
                                    Supernet::random(testing::tiny_teacher(space), Rng(2))};
  TrainingBatch batch = testing::batch_of(testing::tones(2, 8000, 3));
};

TEST_F(TeacherPasses, OneAStepForAllSubnets) {
  for (const double in_place : {0.0, 0.5, 1.0})
    EXPECT_EQ(passes(std::make_unique<LayerMeanObjective>(kMean), in_place), 1) << in_place;
  batch.rows = rows(LayerMeanObjective(kMean).needs().rows);
  EXPECT_EQ(passes(std::make_unique<LayerMeanObjective>(kMean), 0.5), 0);
}

TEST_F(TeacherPasses, TwoWithMaskedRows) {
  batch.speech.mask = at::zeros({2, space.blueprint().frames(8000)}, at::kBool);
  batch.speech.mask.slice(1, 5, 15).fill_(true);
  for (const double in_place : {0.0, 0.5, 1.0})
    EXPECT_EQ(passes(objective("{kind: masked_pairs}"), in_place), 2) << in_place;
}

// The second teacher is run less far than the first, so that one pass of each is not two of one.
TEST_F(TeacherPasses, OneOfEachOfSeveralTeachers) {
  const auto of_both = [&] {
    std::vector<Summand> summands;
    summands.push_back({std::make_unique<LayerMeanObjective>(kMean), {}});
    summands.push_back({of_teachers(objective("{kind: layer_pairs, map: pairs, teacher_layers: "
                                              "[1], student_layers: [2], channels: none}"),
                                    {{{0, 1}, {1, 1}}}),
                        {}});
    return std::make_unique<SumObjective>(std::move(summands));
  };
  for (const double in_place : {0.0, 0.5}) EXPECT_EQ(passes(of_both(), in_place), 1) << in_place;
}

TEST_F(TeacherPasses, RowsThatAreFetchedAgainAreCounted) {
  for (const double in_place : {0.0, 0.5}) {
    EXPECT_EQ(passes(std::make_unique<RowsOfEachSubnet>(fetch()), in_place), 1 + kSubnets);
    EXPECT_EQ(passes(std::make_unique<RowsOfEachGoal>(fetch()), in_place), in_place > 0 ? 2 : 1);
  }
}

}  // namespace
}  // namespace concertina
