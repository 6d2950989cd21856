#include "supernet/space/equal_shapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/errors.h"
#include "supernet/space/cost.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

double slenderness(const EqualShape& shape) {
  return static_cast<double>(shape.architecture.depth()) / shape.architecture.embed_dim();
}

TEST(EqualShapes, AreMembersOfEqualParametersFromWideToDeep) {
  for (const auto& [name, enough] : {std::pair("pocket-deep.yaml", 6U),
                                     {"reference.yaml", 6U},
                                     {"lighthubert-small.yaml", 2U}}) {
    const SearchSpace space = load_space(name);
    const std::vector<EqualShape> shapes = equal_shapes(space, {});
    ASSERT_GE(shapes.size(), enough) << name;
    std::set<std::pair<int32_t, int32_t>> frames;
    int64_t least = shapes[0].params, most = least;
    for (size_t i = 0; i < shapes.size(); ++i) {
      const Architecture& a = shapes[i].architecture;
      EXPECT_TRUE(space.contains(a)) << a.key();
      EXPECT_EQ(shapes[i].params, cost_of(space.blueprint(), a, 0).params);
      EXPECT_TRUE(frames.insert({a.depth(), a.embed_dim()}).second) << a.key();
      if (i > 0) {
        EXPECT_LE(slenderness(shapes[i - 1]), slenderness(shapes[i]));
      }
      least = std::min(least, shapes[i].params);
      most = std::max(most, shapes[i].params);
    }
    EXPECT_LE(static_cast<double>(most - least), 0.06 * static_cast<double>(most)) << name;
  }
}

TEST(EqualShapes, AreTheClosestToTheNumberAskedFor) {
  const SearchSpace space = load_space("pocket-deep.yaml");
  const std::vector<EqualShape> shapes = equal_shapes(space, {.params = 2'000'000, .count = 100});
  for (const EqualShape& shape : shapes)
    EXPECT_NEAR(static_cast<double>(shape.params), 2e6, 0.03 * 2e6);
  // Among members with equal layers none of these depths and widths is closer.
  const SpaceChoices& choices = space.choices();
  for (const EqualShape& shape : shapes) {
    const int32_t depth = shape.architecture.depth(), embed = shape.architecture.embed_dim();
    for (const int32_t heads : choices.heads) {
      for (const double ratio : choices.ffn_ratio) {
        std::vector<LayerShape> layers;
        for (const int32_t index : kept_layers(choices, depth))
          layers.push_back({index, heads, ffn_dim_of(ratio, embed), 0});
        const Architecture equal({}, embed, shape.architecture.frame_period_us(), layers);
        EXPECT_LE(std::llabs(shape.params - 2'000'000),
                  std::llabs(cost_of(space.blueprint(), equal, 0).params - 2'000'000));
      }
    }
  }
  EXPECT_EQ(equal_shapes(space, {.params = 2'000'000, .count = 3}).size(), 3U);
}

TEST(EqualShapes, NumbersThatDoNotFitNameOneThatDoes) {
  const SearchSpace space = load_space("pocket-deep.yaml");
  try {
    equal_shapes(space, {.params = 90'000'000});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("0 shapes of the space have 90000000"));
  }
}

}  // namespace
}  // namespace concertina
