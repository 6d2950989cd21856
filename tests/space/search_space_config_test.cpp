#include "supernet/space/search_space_config.h"

#include <gmock/gmock.h>

#include "core/config.h"
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
        load_space("lighthubert-small.yaml"), rich_space(), wave_space(), linear_space(),
        SearchSpace::single(rich_space().blueprint(),
                            {Architecture::parse("e=96 p=40000 L=0:2x192lin,3:2x96w8"), {}}),
        SearchSpace::single(
            rich_space().blueprint(),
            {Architecture::parse("e=96 p=40000 L=0-1:2x192,3:0x96"), SlicingRule::kLightHubert})}) {
    const SearchSpace again = search_space_from_json(json_of(space));
    EXPECT_EQ(json_of(again), json_of(space));
    EXPECT_EQ(json_of(search_space_from_json(yaml_of(json_of(space)))), json_of(space));
    EXPECT_EQ(again.size(), space.size());
    EXPECT_EQ(again.smallest(), space.smallest());
    EXPECT_EQ(again.default_architecture(), space.default_architecture());
    EXPECT_EQ(again.storage().shape, space.storage().shape);
    EXPECT_EQ(again.storage().rule, space.storage().rule);
  }
}

TEST(SearchSpace, ReadySpacesAreValid) {
  int read = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(CONCERTINA_SOURCE_DIR) / "configs/spaces")) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".blueprint.yaml")) continue;
    EXPECT_NO_THROW(load_search_space(entry.path())) << name;
    ++read;
  }
  EXPECT_GT(read, 8);
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

TEST(SearchSpace, TheKindsOfAttentionAreReadAndWritten) {
  const std::string head =
      "{blueprint: {front_end: {kind: log_mel}}, embed_dim: [64, 96], heads: [1, 2], ffn_ratio: 2, "
      "depth: {of: 2, keep: [1, 2]}";
  const SearchSpace softmax = search_space_from_json(head + "}");
  EXPECT_EQ(json_of(softmax).find("attention"), std::string::npos);
  EXPECT_EQ(json_of(search_space_from_json(head + ", attention: softmax}")), json_of(softmax));
  const SearchSpace both = search_space_from_json(head + ", attention: [softmax, linear]}");
  EXPECT_EQ(both.smallest().key(), "e=64 p=20000 L=0:1x128lin");
  EXPECT_EQ(both.largest().key(), "e=96 p=20000 L=0-1:2x192");
  EXPECT_EQ(both.storage().shape.key(), "e=96 p=20000 L=0-1:2x192");
  const SearchSpace usual = search_space_from_json(
      head + ", attention: [softmax, linear], default: {attention: linear}}");
  EXPECT_EQ(usual.default_architecture().key(), "e=96 p=20000 L=0-1:2x192lin");
  EXPECT_EQ(search_space_from_json(json_of(usual)).default_architecture(),
            usual.default_architecture());
  const SearchSpace only = search_space_from_json(head + ", attention: linear}");
  EXPECT_EQ(only.storage().shape.key(), "e=96 p=20000 L=0-1:2x192lin");
  EXPECT_THAT(problems_of(head + ",\n attention: [softmax, linar]}"),
              HasSubstr("2:23: attention.1: expected linear or softmax, found 'linar'"));
  EXPECT_THAT(problems_of(head + ", attention: []}"), HasSubstr("at least one value is needed"));
  EXPECT_THAT(problems_of(head + ", attention: linear, default: {attention: softmax}}"),
              HasSubstr("default.attention: is not among the choices"));
}

TEST(SearchSpace, LinearAttentionIsRefusedWithPositionBiasAndSharedMaps) {
  const auto refusal = [](const std::string& blueprint) {
    return problems_of("{blueprint: {front_end: {kind: log_mel}, " + blueprint +
                       "}, embed_dim: [96], heads: 1, ffn_ratio: 2, depth: {of: 2, keep: 2},\n"
                       " attention: [softmax, linear]}");
  };
  EXPECT_THAT(refusal("relative_position: {buckets: 32, max_distance: 80}"),
              HasSubstr("2:2: attention: linear attention has no scores that a position bias"));
  EXPECT_THAT(refusal("attention_reuse: [1]"),
              HasSubstr("2:2: attention: linear attention has no map that layers share"));
  EXPECT_EQ(refusal("normalize_waveform: false"), "accepted");
}

}  // namespace
}  // namespace concertina
