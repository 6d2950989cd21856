#include "supernet/space/blueprint.h"

#include <gmock/gmock.h>

#include "core/errors.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

TEST(Blueprint, CountsHubertFrames) {
  const Blueprint hubert;
  EXPECT_EQ(hubert.base_frame_samples(), 320);
  EXPECT_EQ(hubert.base_frame_period_us(), 20000);
  EXPECT_EQ(hubert.frames(10000), 31);
  EXPECT_EQ(hubert.frames(16000), 49);
  EXPECT_EQ(hubert.frames(160000), 499);
  EXPECT_EQ(hubert.frames(400), 1);
  EXPECT_EQ(hubert.frames(399), 0);
  EXPECT_EQ(hubert.frames(0), 0);
  EXPECT_EQ(hubert.frames(-5), 0);
}

TEST(Blueprint, LogMelSharesTheGridOfTheWaveFrontEnd) {
  const Blueprint pocket = load_space("pocket.yaml").blueprint();
  EXPECT_EQ(pocket.front_end, FrontEndKind::kLogMel);
  EXPECT_EQ(pocket.base_frame_period_us(), 20000);
  EXPECT_EQ(pocket.frames(16000), 49);
  EXPECT_EQ(pocket.frames(560), 1);
  EXPECT_EQ(pocket.frames(559), 0);
  EXPECT_EQ(pocket.front_end_dim({}), 160);
}

TEST(Blueprint, CompressesToRoundedFrames) {
  const Blueprint hubert;
  EXPECT_EQ(compressed_frames(hubert, 499, 20000), 499);
  EXPECT_EQ(compressed_frames(hubert, 499, 40000), 250);  // 249.5 rounds up
  EXPECT_EQ(compressed_frames(hubert, 1, 90000), 1);
  EXPECT_EQ(compressed_frames(hubert, 0, 40000), 0);
}

TEST(Blueprint, JoinsWholeFrames) {
  Blueprint fithubert;
  fithubert.rate = RateKind::kConv;
  EXPECT_EQ(compressed_frames(fithubert, 499, 40000), 249);
  EXPECT_EQ(compressed_frames(fithubert, 1, 40000), 1);
  EXPECT_EQ(compressed_frames(fithubert, 499, 20000), 499);
}

TEST(Blueprint, NewerOptionsAreWrittenWhereTheyAreUsed) {
  EXPECT_THAT(
      Blueprint().to_json(),
      testing::Not(testing::AnyOf(testing::HasSubstr("eps"), testing::HasSubstr("reuse"),
                                  testing::HasSubstr("relative"), testing::HasSubstr("projection"),
                                  testing::HasSubstr("feature_"))));
  Blueprint blueprint;
  blueprint.wave.feature_norm = false;
  blueprint.wave.feature_scale = true;
  blueprint.normalize_eps = 1e-7;
  blueprint.projection = false;
  blueprint.relative_position = {.buckets = 320, .max_distance = 1280, .gated = false};
  blueprint.attention_reuse = {1, 3};
  blueprint.rate = RateKind::kLinear;
  EXPECT_EQ(Blueprint::from_json(blueprint.to_json()), blueprint);
}

TEST(Blueprint, RefusesBadOptions) {
  for (const char* json :
       {R"({"relative_position":{"buckets":30}})",
        R"({"relative_position":{"buckets":320,"max_distance":80}})", R"({"attention_reuse":[0]})",
        R"({"attention_reuse":[3,1]})", R"({"normalize_eps":-1})", R"({"normalize_eps":"x"})"}) {
    EXPECT_THROW(Blueprint::from_json(json), InputError) << json;
  }
}

TEST(Blueprint, JsonIsCanonicalAndRoundTrips) {
  for (const char* name : {"pocket.yaml", "lighthubert-base.yaml"}) {
    const Blueprint blueprint = load_space(name).blueprint();
    const std::string json = blueprint.to_json();
    EXPECT_EQ(Blueprint::from_json(json), blueprint);
    EXPECT_EQ(Blueprint::from_json(json).to_json(), json);
    EXPECT_THAT(json, testing::StartsWith("{\"front_end\":{"));
  }
}

TEST(Blueprint, ReportsAllProblemsAtOnce) {
  try {
    Blueprint::from_json(
        R"({"head_dim":0,"rate":"ciff","front_end":{"kernels":[3],"strides":[]},"x":1})");
    FAIL();
  } catch (const InputError& error) {
    const std::string message = error.what();
    for (const char* part : {"head_dim", "ciff", "did you mean 'cif'", "strides", "x"}) {
      EXPECT_THAT(message, testing::HasSubstr(part));
    }
  }
  EXPECT_THROW(Blueprint::from_json("[1,2"), InputError);
  EXPECT_THROW(Blueprint::from_json(R"({"front_end":{"kind":"log_mel","hop":-3}})"), InputError);
}

}  // namespace
}  // namespace concertina
