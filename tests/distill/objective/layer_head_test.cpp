// An encoder layer for each teacher on top of a shared body: what it learns, and what is exported.
#include "distill/objective/layer_head.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "core/errors.h"
#include "supernet/space/resolve.h"
#include "tests/distill/objective/parsed.h"
#include "tests/distill/one_step.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

// Keeps the output of the last layer that it is shown.
struct Spy : Objective {
  Needs needs() const override { return {}; }
  WantedOutputs student_wants(const Architecture& student) const override {
    return {.hidden = {student.depth()}};
  }
  LossBreakdown loss(const LossInput& input) const override {
    seen = input.student.hidden.back();
    return {};
  }
  std::string to_json() const override { return "{\"kind\":\"spy\"}"; }
  mutable at::Tensor seen;
};

class LayerHeads : public ::testing::Test {
 protected:
  ObjectiveOptions options(const std::array<std::string, 2>& names) const {
    const std::string pair =
        "kind: layer_pairs, map: pairs, position: relative, teacher_layers: [2], student_layers: "
        "[1], channels: none, distance: mse, head_layer: true, ";
    return testing::options_of("{kind: sum, of: [{" + pair + "teachers: [" + names[0] + "]}, {" +
                               pair + "teachers: [" + names[1] + "]}]}");
  }
  std::unique_ptr<Learner> learner(const std::array<std::string, 2>& named) const {
    return testing::layer_mean_learner(space, [&](Learner::Setup& setup) {
      setup.objective = make_objective(options(named), sizes);
      setup.heads = setup.objective->parameters(Rng(1));
      setup.teachers = teachers;
    });
  }
  // Plain gradient descent.
  void train(Learner& trained, int64_t steps) const {
    const auto alone = single_process_communicator();
    for (int64_t step = 0; step < steps; ++step) {
      Gradients gradients(trained.parameters());
      GradientReducer reducer(*alone, trained.parameters(), gradients);
      trained.learn(batch, step % 4, reducer);
      reducer.finish();
      const at::NoGradGuard no_grad;
      trained.parameters().flat().sub_(gradients.flat, 0.3);
    }
  }
  // The loss of head i against the rows of teacher j, for the largest subnet.
  std::array<std::array<double, 2>, 2> losses(const Learner& trained) const {
    const Architecture largest = space.largest();
    const Supernet student = trained.student("");
    const Subnet net = student.slice(largest);
    std::array<std::array<double, 2>, 2> table{};
    for (const size_t j : {0U, 1U}) {  // both heads against teacher j
      const std::string name = sizes.teachers[j].name;
      const auto objective = make_objective(options({name, name}), sizes);
      const StepData step{.valid = valid_frames(space.blueprint(), batch.speech)};
      std::vector<Subnet> subnets;
      for (const Supernet& teacher : teachers) subnets.push_back(teacher.slice(largest));
      const TensorMap goal = goal_of(
          *objective,
          teacher_rows(objective->needs().rows, subnets, space.blueprint(), batch.speech), step);
      const TensorMap heads = slice_tensors(trained.heads(), objective->slices(largest));
      const EncoderOutput output = encode(net, batch.speech, objective->student_wants(largest));
      const LossBreakdown loss = objective->loss({output, largest, heads, goal, step});
      for (const size_t i : {0U, 1U}) table[i][j] = loss.terms[i].second.item<double>();
    }
    return table;
  }
  static bool fit_their_own(const std::array<std::array<double, 2>, 2>& table) {
    return table[0][0] < table[0][1] && table[1][1] < table[1][0] && table[0][0] < table[1][0] &&
           table[1][1] < table[0][1];
  }

  SearchSpace space = testing::tiny_space();
  std::vector<Supernet> teachers = {Supernet::random(testing::tiny_teacher(space), Rng(1)),
                                    Supernet::random(testing::tiny_teacher(space), Rng(2))};
  ObjectiveSizes sizes{
      .teachers = {{2, 32, 8}, {.depth = 2, .dim = 32, .head_dim = 8, .name = "b"}},
      .student_depth = 2,
      .student_dim = 32,
      .student_head_dim = 8,
      .layer_head = layer_head_sizes(space)};
  TrainingBatch batch = testing::batch_of(testing::tones(2, 8000, 3));
};

TEST_F(LayerHeads, FitTheirOwnTeachers) {
  const auto trained = learner({"teacher", "b"});
  train(*trained, 40);
  const auto table = losses(*trained);
  EXPECT_TRUE(fit_their_own(table))
      << table[0][0] << " " << table[0][1] << "; " << table[1][0] << " " << table[1][1];
  const auto swapped = learner({"teacher", "teacher"});  // both learn from one
  train(*swapped, 40);
  EXPECT_FALSE(fit_their_own(losses(*swapped)));
}

TEST_F(LayerHeads, RunEachTeacherOnceAStep) {
  const auto objective = make_objective(options({"teacher", "b"}), sizes);
  std::vector<std::string> names;
  for (const Row& row : objective->needs().rows) names.push_back(name_of(row));
  EXPECT_THAT(names, ::testing::ElementsAre("0/hidden:2", "1/hidden:2"));
}

TEST_F(LayerHeads, AreExportedToTheBit) {
  const Supernet student = Supernet::random(space, Rng(4));
  auto spy = std::make_unique<Spy>();
  const Spy& seen = *spy;
  const auto objective = on_layer_head(std::move(spy), sizes.layer_head);
  TensorMap heads;
  for (const auto& head : objective->parameters(Rng(5))) heads[head.name] = head.value;
  for (const char* name : {"smallest", "default", "largest"}) {
    const Architecture a = resolve_architecture(space, name);
    const auto seen_with = [&](const Subnet& net, const TensorMap& layer) {
      const EncoderOutput output = encode(net, batch.speech, objective->student_wants(a));
      objective->loss({output, a, layer, {}, {}});
      return seen.seen;
    };
    const TensorMap sliced = slice_tensors(heads, objective->slices(a));
    TensorMap own = sliced;
    for (auto& [each, tensor] : own) tensor = tensor.contiguous();
    const Supernet exported = with_layer_head(student, a, *objective, heads, "");
    const Architecture deeper = exported.space().largest();
    EXPECT_EQ(deeper.depth(), a.depth() + 1);
    const EncoderOutput whole =
        encode(exported.slice(deeper), batch.speech, {.hidden = {a.depth(), a.depth() + 1}});
    // The same bits where the weights lie in memory alike, rounding where they are views of wider ones.
    EXPECT_TRUE(whole.hidden.back().equal(seen_with(student.extract(a).slice(a), own))) << name;
    EXPECT_LT(
        (whole.hidden.back() - seen_with(student.slice(a), sliced)).abs().max().item<double>(),
        1e-5)
        << name;
    EXPECT_FALSE(whole.hidden.back().equal(whole.hidden[static_cast<size_t>(a.depth())]));
  }
}

TEST_F(LayerHeads, OfTeachersAreFoundByName) {
  const Supernet student = Supernet::random(space, Rng(4));
  const auto objective = make_objective(options({"teacher", "b"}), sizes);
  TensorMap heads;
  for (const auto& head : objective->parameters(Rng(5))) heads[head.name] = head.value;
  const auto exported = [&](const std::string& teacher) {
    return with_layer_head(student, space.smallest(), *objective, heads, teacher);
  };
  const std::string weight = "encoder.layers.2.fc1.weight";
  const at::Tensor first = exported("teacher").weights().at(weight);
  const at::Tensor& full = heads.at("objective.1.layer.fc1.weight");
  const at::Tensor second = exported("b").weights().at(weight);
  EXPECT_TRUE(second.equal(full.narrow(0, 0, second.size(0)).narrow(1, 0, second.size(1))));
  EXPECT_FALSE(first.equal(second));
  const auto problem = [&](const std::string& teacher) -> std::string {
    try {
      exported(teacher);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(problem("c"), HasSubstr("no head layer of teacher 'c'"));
  EXPECT_THAT(problem(""), HasSubstr("there are those of teacher, b"));
  const auto without = make_objective(ObjectiveOptions(R"({"kind":"layer_mean","top":1})"), sizes);
  EXPECT_THROW(with_layer_head(student, space.smallest(), *without, heads, "b"), InputError);
}

TEST_F(LayerHeads, NeedSpacesThatHaveThem) {
  EXPECT_EQ(layer_head_problem(space), "");
  EXPECT_THAT(layer_head_problem(testing::tiny_whisper_space()), HasSubstr("norm_position: post"));
  EXPECT_THROW(make_objective(R"({"kind":"layer_mean","head_layer":{"index":2}})"), InputError);
}

}  // namespace
}  // namespace concertina
