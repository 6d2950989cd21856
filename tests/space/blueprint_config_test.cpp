#include "supernet/space/blueprint_config.h"

#include <gmock/gmock.h>

#include "core/errors.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

TEST(Blueprint, NewerOptionsAreWrittenWhereTheyAreUsed) {
  EXPECT_THAT(
      json_of(Blueprint()),
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
  EXPECT_EQ(blueprint_from_json(json_of(blueprint)), blueprint);
}

TEST(Blueprint, WhisperRoundTripsAndRefusesWhatNeedsFeatures) {
  const Blueprint whisper = whisper_space().blueprint();
  EXPECT_EQ(blueprint_from_json(json_of(whisper)), whisper);
  const auto refusal = [](const std::string& json) -> std::string {
    try {
      blueprint_from_json(json);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  const std::string start = R"({"front_end":{"kind":"whisper","bins":128},)";
  EXPECT_THAT(refusal(start + R"("rate":"cif"})"), testing::HasSubstr("conv, linear or average"));
  EXPECT_THAT(refusal(start + R"("projection":false})"), testing::HasSubstr("projection"));
  EXPECT_THAT(refusal(start + R"("normalize_waveform":true})"), testing::HasSubstr("log-mel"));
  // Without a positional convolution its other options have one value.
  EXPECT_EQ(blueprint_from_json(R"({"positional":{"kernel":0,"groups":16}})").positional.groups, 1);
}

TEST(Blueprint, RefusesBadOptions) {
  for (const char* json :
       {R"({"relative_position":{"buckets":30}})",
        R"({"relative_position":{"buckets":320,"max_distance":80}})", R"({"attention_reuse":[0]})",
        R"({"attention_reuse":[3,1]})", R"({"normalize_eps":-1})", R"({"normalize_eps":"x"})"}) {
    EXPECT_THROW(blueprint_from_json(json), InputError) << json;
  }
}

TEST(Blueprint, JsonIsCanonicalAndRoundTrips) {
  for (const char* name : {"pocket.yaml", "lighthubert-base.yaml"}) {
    const Blueprint blueprint = load_space(name).blueprint();
    const std::string json = json_of(blueprint);
    EXPECT_EQ(blueprint_from_json(json), blueprint);
    EXPECT_EQ(json_of(blueprint_from_json(json)), json);
    EXPECT_THAT(json, testing::StartsWith("{\"front_end\":{"));
  }
}

TEST(Blueprint, ReportsAllProblemsAtOnce) {
  try {
    blueprint_from_json(
        R"({"head_dim":0,"rate":"ciff","front_end":{"kernels":[3],"strides":[]},"x":1})");
    FAIL();
  } catch (const InputError& error) {
    const std::string message = error.what();
    for (const char* part : {"head_dim", "ciff", "did you mean 'cif'", "strides", "x"}) {
      EXPECT_THAT(message, testing::HasSubstr(part));
    }
  }
  EXPECT_THROW(blueprint_from_json("[1,2"), InputError);
  EXPECT_THROW(blueprint_from_json(R"({"front_end":{"kind":"log_mel","hop":-3}})"), InputError);
}

}  // namespace
}  // namespace concertina
