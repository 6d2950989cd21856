#include "supernet/checkpoint/conv_spec.h"

#include <gtest/gtest.h>

namespace concertina {
namespace {

TEST(ConvSpec, ReadsFairseqsDefault) {
  const auto spec = parse_conv_spec("[(512,10,5)] + [(512,3,2)] * 4 + [(512,2,2)] * 2");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->layers, WaveFrontEnd().layers);
  EXPECT_EQ(spec->channels, std::vector<int32_t>(7, 512));
}

TEST(ConvSpec, WritesWhatItReads) {
  const ConvSpec spec{{32, 16}, {{10, 5}, {3, 2}}};
  EXPECT_EQ(conv_spec_text(spec), "[(32,10,5), (16,3,2)]");
  const auto back = parse_conv_spec(conv_spec_text(spec));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->channels, spec.channels);
  EXPECT_EQ(back->layers, spec.layers);
}

TEST(ConvSpec, RefusesEverythingElse) {
  for (const char* text :
       {"", "[]", "[(1,2)]", "[(1,2,3)", "[(1,2,3)] *", "[(1,2,3)] * 99", "[(1,2,3)] + ",
        "[(0,2,3)]", "[(1,2,3)] * 99999999999", "__import__('os')", "[(1,2,3)] x"}) {
    EXPECT_FALSE(parse_conv_spec(text)) << text;
  }
}

}  // namespace
}  // namespace concertina
