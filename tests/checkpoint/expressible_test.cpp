#include "supernet/checkpoint/expressible.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "supernet/checkpoint/names.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

TEST(Expressible, ListsWhatIsNotExportable) {
  Blueprint blueprint;
  const auto of = [&](const std::string& key, Naming package = Naming::kTransformers) {
    return not_expressible(blueprint, Architecture::parse(key), package);
  };
  EXPECT_EQ(of("c=512 e=384 p=20000 L=0-5:6x1536,8-9:6x1536"), "");
  EXPECT_THAT(of("c=512 e=384 p=20000 L=0:6x1536,1:6x768"), HasSubstr("different heads or FFN"));
  EXPECT_THAT(of("c=512 e=384 p=20000 L=0:4x1536"), HasSubstr("4 heads of 64"));
  EXPECT_THAT(of("c=512 e=384 p=40000 L=0:6x1536"), HasSubstr("40 ms"));
  EXPECT_THAT(of("c=512 e=384 p=20000 L=0:6x1536w16"), HasSubstr("windows"));
  EXPECT_THAT(of("c=512 e=384 p=20000 L=0-1:6x1536lin"), HasSubstr("linear attention"));
  EXPECT_THAT(of("c=512 e=384 p=20000 L=0:6x0"), HasSubstr("without attention or feed-forward"));
  blueprint.positional.interleaved = true;
  EXPECT_THAT(of("c=512 e=384 p=20000 L=0:6x1536"), HasSubstr("interleaved"));
  blueprint.front_end = FrontEndKind::kLogMel;
  EXPECT_THAT(of("c=512 e=384 p=20000 L=0:6x1536"), HasSubstr("log-mel"));
}

TEST(Expressible, PackagesDiffer) {
  Blueprint blueprint;
  const auto problem = [&](const std::string& key, Naming package) {
    return not_expressible(blueprint, Architecture::parse(key), package);
  };
  const std::string narrow = "c=512 e=384 p=20000 L=0:6x1536";
  const std::string equal = "c=512 e=512 p=20000 L=0:8x1536";
  EXPECT_EQ(problem(equal, Naming::kTransformers), "");
  EXPECT_THAT(problem(equal, Naming::kFairseq), HasSubstr("to the width they have"));
  blueprint.projection = false;
  EXPECT_EQ(problem(equal, Naming::kTransformers), "");
  EXPECT_EQ(problem(equal, Naming::kFairseq), "");

  blueprint = {};
  blueprint.wave.feature_norm = false;
  EXPECT_EQ(problem(narrow, Naming::kTransformers), "");
  EXPECT_EQ(problem(narrow, Naming::kFairseq), "features without a LayerNorm");
  blueprint.relative_position.buckets = 320;
  EXPECT_EQ(problem(narrow, Naming::kTransformers), "features without a LayerNorm");
  blueprint.wave.feature_norm = true;
  EXPECT_EQ(problem(narrow, Naming::kTransformers), "");
  EXPECT_EQ(problem(narrow, Naming::kFairseq), "a relative position bias");
  blueprint.relative_position.gated = false;
  EXPECT_EQ(problem(narrow, Naming::kTransformers), "a relative position bias without a gate");
  blueprint = {};
  blueprint.wave.feature_scale = true;
  EXPECT_EQ(problem(narrow, Naming::kTransformers), "options that HuBERT does not have");
}

TEST(ForeignNames, KeptLayersAreCounted) {
  const auto architecture = Architecture::parse("c=512 e=384 p=20000 L=0-5:6x1536,8-9:6x1536");
  const auto counted = [&](const char* name) {
    return tensor_name(with_kept_layers_counted(*tensor_named(name), architecture));
  };
  EXPECT_EQ(counted("encoder.layers.9.fc1.bias"), "encoder.layers.7.fc1.bias");
  EXPECT_EQ(counted("encoder.layer_norm.bias"), "encoder.layer_norm.bias");
}

}  // namespace
}  // namespace concertina
