#include "supernet/space/drop_order.h"

#include <gmock/gmock.h>

#include "core/config.h"
#include "core/errors.h"
#include "supernet/space/search_space_config.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

using testing::ElementsAre;

TEST(DropOrder, HighestCosineFirstAndTheLastLayerAmongEquals) {
  EXPECT_THAT(drop_order(std::vector{0.5, 0.9, -0.2, 0.7}), ElementsAre(1, 3, 0, 2));
  EXPECT_THAT(drop_order(std::vector{0.5, 0.5, 0.6, 0.5}), ElementsAre(2, 3, 1, 0));
  EXPECT_THAT(drop_order({}), ElementsAre());
}

TEST(DropOrder, SetsAreNestedAndOfTheSpacesDepths) {
  const SearchSpace deep = load_space("pocket-deep.yaml");
  const SearchSpace space = with_drop_order(deep, std::vector{3, 0, 5, 1, 4, 2});
  EXPECT_EQ(space.choices().policy, DepthPolicy::kExplicit);
  EXPECT_THAT(space.choices().explicit_sets,
              ElementsAre(ElementsAre(2, 4), ElementsAre(1, 2, 4), ElementsAre(1, 2, 4, 5),
                          ElementsAre(0, 1, 2, 3, 4, 5)));
  EXPECT_EQ(space.smallest().key(), "e=96 p=40000 L=2:2x192,4:2x192");
  EXPECT_EQ(space.size(), deep.size());
  EXPECT_EQ(space.storage().shape, deep.storage().shape);
  EXPECT_EQ(space.default_architecture().depth(), deep.default_architecture().depth());
}

TEST(DropOrder, TheStoredShapeStays) {
  const SearchSpace small = load_space("lighthubert-small.yaml");
  const SearchSpace space =
      with_drop_order(small, std::vector{1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  EXPECT_EQ(space.storage().shape, small.storage().shape);
  EXPECT_EQ(space.rule(), SlicingRule::kLightHubert);
  EXPECT_THAT(space.choices().explicit_sets[0], ElementsAre(2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(DropOrder, NeedsAllLayersOfASpaceWithSeveralDepths) {
  const SearchSpace deep = load_space("pocket-deep.yaml");
  EXPECT_EQ(no_depth_sets(deep, 6), "");
  EXPECT_THAT(no_depth_sets(deep, 4), testing::HasSubstr("has 4 layers and the space 6"));
  EXPECT_THROW(with_drop_order(deep, std::vector{0, 1, 2, 3}), InputError);
  const SearchSpace one = SearchSpace::single(deep.blueprint(), deep.storage());
  EXPECT_THAT(no_depth_sets(one, 6), testing::HasSubstr("one architecture"));
  EXPECT_THROW(with_drop_order(one, std::vector{0, 1, 2, 3, 4, 5}), InputError);
}

// What `space contribution -o` writes.
TEST(DropOrder, SetsAreWrittenAndReadAgain) {
  const SearchSpace space =
      with_drop_order(load_space("pocket-deep.yaml"), std::vector{3, 0, 5, 1, 4, 2});
  const std::string yaml = yaml_of(json_of(space));
  EXPECT_THAT(yaml, testing::AllOf(testing::HasSubstr("policy: \"explicit\""),
                                   testing::ContainsRegex("2\"?: \\[2, 4\\]\n"),
                                   testing::ContainsRegex("3\"?: \\[1, 2, 4\\]\n")));
  EXPECT_EQ(json_of(search_space_from_json(yaml)), json_of(space));
}

}  // namespace
}  // namespace concertina
