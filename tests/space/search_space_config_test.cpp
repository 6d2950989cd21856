#include "supernet/space/search_space_config.h"

#include <gmock/gmock.h>

#include "core/errors.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

using testing::HasSubstr;

std::string problems_of(const std::string& yaml) {
  try {
    search_space_from_json(yaml);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(SearchSpace, JsonOpensNoFile) {
  EXPECT_THAT(problems_of("{blueprint: /etc/hostname, heads: 2}"), HasSubstr("not a map"));
  EXPECT_THAT(problems_of("{heads: 2}"), HasSubstr("not a map"));
}

TEST(SearchSpace, JsonRoundTrips) {
  for (const SearchSpace& space :
       {load_space("pocket.yaml"), load_space("lighthubert-base.yaml"),
        load_space("lighthubert-small.yaml"), rich_space(), wave_space(),
        SearchSpace::single(
            rich_space().blueprint(),
            {Architecture::parse("e=96 p=40000 L=0-1:2x192,3:0x96"), SlicingRule::kLightHubert})}) {
    const SearchSpace again = search_space_from_json(json_of(space));
    EXPECT_EQ(json_of(again), json_of(space));
    EXPECT_EQ(again.size(), space.size());
    EXPECT_EQ(again.smallest(), space.smallest());
    EXPECT_EQ(again.default_architecture(), space.default_architecture());
    EXPECT_EQ(again.storage().shape, space.storage().shape);
    EXPECT_EQ(again.storage().rule, space.storage().rule);
  }
}

TEST(SearchSpace, ReportsAllProblemsAtOnce) {
  const std::string message = problems_of(R"(
blueprint: {front_end: {kind: log_mel}, rate: none}
embed_dim: [96, 0]
heads: []
ffn_ratio: [2]
window: [3]
depth: {of: 4, keep: [2, 5], policy: symetric}
default: {embed_dim: 100}
bogus: 1
)");
  for (const char* part : {"embed_dim", "heads", "window", "depth.keep", "did you mean 'symmetric'",
                           "default.embed_dim", "bogus"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

TEST(SearchSpace, ChoicesMustFitTheStorage) {
  const std::string head =
      "{blueprint: {front_end: {kind: log_mel}}, heads: 2, ffn_ratio: 2, depth: {of: 2, keep: 2}, ";
  EXPECT_EQ(problems_of(head + "embed_dim: [96]}"), "accepted");
  EXPECT_THAT(problems_of(head + "embed_dim: [90]}"), HasSubstr("multiple of 16"));
  EXPECT_THAT(problems_of(head + "embed_dim: [96], frame_period_ms: [40]}"), HasSubstr("p=40000"));
  EXPECT_THAT(problems_of(head + "embed_dim: [96], storage: {embed_dim: 64}}"), HasSubstr("e=96"));
  EXPECT_THAT(problems_of(head + "embed_dim: [96], storage: {heads: 1}}"), HasSubstr("2 heads"));
  EXPECT_THAT(problems_of(head + "embed_dim: [96], conv_channels: [64]}"),
              HasSubstr("no conv layers"));
  EXPECT_THROW(load_search_space("no/such/space.yaml"), SystemError);
}

}  // namespace
}  // namespace concertina
