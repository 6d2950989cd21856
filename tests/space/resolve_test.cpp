#include "supernet/space/resolve.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "core/errors.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

using testing::HasSubstr;

std::string refusal(const SearchSpace& space, const std::string& text) {
  try {
    return "accepted as " + resolve_architecture(space, text).key();
  } catch (const InputError& error) {
    return error.what();
  }
}

TEST(Resolve, NamesAndKeys) {
  const SearchSpace pocket = load_space("pocket.yaml");
  EXPECT_EQ(resolve_architecture(pocket, "smallest"), pocket.smallest());
  EXPECT_EQ(resolve_architecture(pocket, "largest"), pocket.largest());
  EXPECT_EQ(resolve_architecture(pocket, " default\n"), pocket.default_architecture());
  EXPECT_EQ(resolve_architecture(pocket, pocket.smallest().key()), pocket.smallest());
}

TEST(Resolve, LargestIsTheLargestMemberAndWholeAllThatIsStored) {
  const SearchSpace small = load_space("lighthubert-small.yaml");
  EXPECT_EQ(resolve_architecture(small, "largest"), small.largest());
  EXPECT_EQ(resolve_architecture(small, "whole"), small.whole());
  EXPECT_TRUE(small.contains(resolve_architecture(small, "largest")));
  EXPECT_EQ(resolve_architecture(small, "whole").embed_dim(), 768);
  EXPECT_EQ(resolve_architecture(small, small.whole().key()), small.whole());
}

TEST(Resolve, EveryGeneOutsideTheSpaceIsRefusedWithTheNearestChoice) {
  const SearchSpace pocket = load_space("pocket.yaml"), wave = load_space("pocket-wave.yaml");
  const std::pair<const char*, const char*> mel[] = {
      {"e=112 p=20000 L=0-3:2x224",
       "e=112 is not in the space: embed_dim has 96, 128, 192, 256; the nearest is 96"},
      {"e=1000 p=20000 L=0-3:2x224", "the nearest is 256"},
      {"e=96 p=60000 L=0-3:2x192",
       "p=60000 is not in the space: frame_period_ms has 20, 40; the nearest is 40"},
      {"e=96 p=20000 L=0:2x192",
       "a depth of 1 is not in the space: depth keeps 2, 3, 4 of 4 layers; the nearest is 2"},
      {"e=96 p=20000 L=0-3:0x192",
       "0 heads in layer 0 is not in the space: heads has 2, 3, 4; the nearest is 2"},
      {"e=96 p=20000 L=0-3:2x200",
       "FFN width 200 in layer 0 is not in the space: ffn_ratio has 2, 3, 4; the nearest is 192 at "
       "e=96"},
      {"e=96 p=20000 L=0-3:2x192w8",
       "window 8 in layer 0 is not in the space: window has 0; the nearest is 0 (global)"},
      {"e=96 p=20000 L=1:2x192,2:2x192",
       "layer 1 is not in the space: at depth 2 the layers are 0,3"}};
  for (const auto& [key, expected] : mel)
    EXPECT_THAT(refusal(pocket, key), HasSubstr(expected)) << key;
  EXPECT_THAT(
      refusal(wave, "c=48 e=96 p=20000 L=0-3:2x192"),
      HasSubstr("is not in the space: conv_channels has 32, 64, 96, 128; the nearest is 32"));
  const SearchSpace one =
      SearchSpace::single(pocket.blueprint(), {pocket.largest(), SlicingRule::kPrefix});
  EXPECT_THAT(refusal(one, pocket.smallest().key()),
              HasSubstr("its one member is '" + pocket.largest().key()));
}

TEST(Resolve, WhatTheStorageCoversOnlyWhenAsked) {
  const SearchSpace pocket = load_space("pocket.yaml");
  const std::string key = "e=112 p=60000 L=1:3x100,2:0x224";
  EXPECT_THAT(refusal(pocket, key), HasSubstr("not in the space"));
  EXPECT_EQ(resolve_architecture(pocket, key, Accept::kSliceable).embed_dim(), 112);
  EXPECT_EQ(resolve_architecture(pocket, "smallest", Accept::kSliceable), pocket.smallest());
  EXPECT_THROW(resolve_architecture(pocket, "e=272 p=20000 L=0-3:2x192", Accept::kSliceable),
               InputError);
}

TEST(Resolve, NamesTheMembersNearby) {
  const SearchSpace pocket = load_space("pocket.yaml");
  EXPECT_THAT(refusal(pocket, "e=100 p=20000 L=0-3:2x200"),
              HasSubstr("e=100 is not in the space: embed_dim has 96, 128, 192, 256"));
  EXPECT_THAT(refusal(pocket, "e=96 p=10000 L=0-3:2x192"), HasSubstr("frame_period_ms has 20, 40"));
  EXPECT_THAT(refusal(pocket, "e=96 p=20000 L=0-3:5x192"), HasSubstr("heads has 2, 3, 4"));
  EXPECT_THAT(refusal(pocket, "e=96 p=20000 L=0-3:2x2048"), HasSubstr("ffn_ratio has 2, 3, 4"));
  EXPECT_THAT(refusal(pocket, "e=96 p=20000 L=0-4:2x192"), HasSubstr("2, 3, 4 of 4 layers"));
  EXPECT_THAT(refusal(pocket, "c=64 e=96 p=20000 L=0:2x192"), HasSubstr("log-mel"));
  EXPECT_THAT(refusal(pocket, "smalest"), HasSubstr("did you mean 'smallest'"));
  EXPECT_THAT(refusal(pocket, ""), HasSubstr("expected smallest, largest, default"));
  EXPECT_THAT(refusal(load_space("lighthubert-base.yaml"), "c=600 e=512 p=20000 L=0:8x512"),
              HasSubstr("conv_channels has 512"));
}

TEST(Resolve, LightHubertsDict) {
  const SearchSpace small = load_space("lighthubert-small.yaml");
  const std::string ten = "[6,6,6,6,6,6,6,6,6,4]";
  const std::string dict =
      R"({"atten_dim":[384,384,384,384,384,384,384,384,384,256],"embed_dim":384,
      "ffn_embed":[1536,1536,1536,1536,1536,1536,1536,1536,1536,1344],"layer_num":10,"heads_num":)" +
      ten +
      R"(,"slide_wsz":["global","global","global","global","global","global","global","global","global","global"]})";
  const Architecture net = resolve_architecture(small, dict);
  EXPECT_EQ(net.key(), "c=512 e=384 p=20000 L=0-6:6x1536,8-9:6x1536,10:4x1344");
  EXPECT_TRUE(small.contains(net));

  const std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) / "space_resolve.json";
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  write(dict);
  EXPECT_EQ(resolve_architecture(small, "@" + path.string()), net);
  write("{\"architecture\": \"" + net.key() + "\"}");
  EXPECT_EQ(resolve_architecture(small, "@" + path.string()), net);
  write(net.key() + "\n");
  EXPECT_EQ(resolve_architecture(small, "@" + path.string()), net);
  write("@" + path.string());
  EXPECT_THROW(resolve_architecture(small, "@" + path.string()), InputError);
  std::filesystem::remove(path);
  EXPECT_THROW(resolve_architecture(small, "@" + path.string()), SystemError);
}

TEST(Resolve, SlideWindowsOfLightHubertsDict) {
  const SearchSpace small = load_space("lighthubert-small.yaml");
  std::string heads, ffn, widths, windows;
  for (int32_t i = 0; i < 10; ++i) {
    const std::string comma = i == 0 ? "" : ",";
    heads += comma + "4";
    ffn += comma + "768";
    widths += comma + "256";
    windows += comma + (i < 7 ? "16" : i == 9 ? "32" : "\"global\"");
  }
  const std::string dict = R"({"layer_num":10,"embed_dim":256,"heads_num":[)" + heads +
                           R"(],"ffn_embed":[)" + ffn + R"(],"atten_dim":[)" + widths +
                           R"(],"slide_wsz":[)" + windows + "]}";
  EXPECT_THAT(refusal(small, dict), HasSubstr("window 16 in layer 0 is not in the space"));
  const Architecture net = resolve_architecture(small, dict, Accept::kSliceable);
  EXPECT_EQ(net.key(), "c=512 e=256 p=20000 L=0-6:4x768w16,8-9:4x768,10:4x768w32");
}

TEST(Resolve, RefusesBrokenDicts) {
  const SearchSpace small = load_space("lighthubert-small.yaml");
  EXPECT_THAT(refusal(small, "{"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal(small, "{}"), HasSubstr("'layer_num' is missing"));
  EXPECT_THAT(refusal(small, R"({"layer_num": "ten"})"), HasSubstr("whole number"));
  EXPECT_THAT(refusal(small, R"({"layer_num": 10, "heads_num": [6]})"), HasSubstr("list of 10"));
  EXPECT_THAT(
      refusal(small, R"({"layer_num": 1, "heads_num": [6], "ffn_embed": [8], "atten_dim": [1],
      "embed_dim": 384})"),
      HasSubstr("6 to 12"));
}

}  // namespace
}  // namespace concertina
