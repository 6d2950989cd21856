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
    return "accepted as " + space.resolve(text).key();
  } catch (const InputError& error) {
    return error.what();
  }
}

TEST(Resolve, NamesAndKeys) {
  const SearchSpace pocket = load_space("pocket.yaml");
  EXPECT_EQ(pocket.resolve("smallest"), pocket.smallest());
  EXPECT_EQ(pocket.resolve("largest"), pocket.largest());
  EXPECT_EQ(pocket.resolve(" default\n"), pocket.default_architecture());
  EXPECT_EQ(pocket.resolve(pocket.smallest().key()), pocket.smallest());
}

TEST(Resolve, AcceptsWhatTheStorageCovers) {
  const SearchSpace pocket = load_space("pocket.yaml");
  const Architecture net = pocket.resolve("e=112 p=60000 L=1:3x100,2:0x224");
  EXPECT_FALSE(pocket.contains(net));
  EXPECT_EQ(net.embed_dim(), 112);
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
  const Architecture net = small.resolve(dict);
  EXPECT_EQ(net.key(), "c=512 e=384 p=20000 L=0-6:6x1536,8-9:6x1536,10:4x1344");
  EXPECT_TRUE(small.contains(net));

  const std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) / "space_resolve.json";
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  write(dict);
  EXPECT_EQ(small.resolve("@" + path.string()), net);
  write("{\"architecture\": \"" + net.key() + "\"}");
  EXPECT_EQ(small.resolve("@" + path.string()), net);
  write(net.key() + "\n");
  EXPECT_EQ(small.resolve("@" + path.string()), net);
  write("@" + path.string());
  EXPECT_THROW(small.resolve("@" + path.string()), InputError);
  std::filesystem::remove(path);
  EXPECT_THROW(small.resolve("@" + path.string()), SystemError);
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
  const Architecture net = small.resolve(R"({"layer_num":10,"embed_dim":256,"heads_num":[)" +
                                         heads + R"(],"ffn_embed":[)" + ffn + R"(],"atten_dim":[)" +
                                         widths + R"(],"slide_wsz":[)" + windows + "]}");
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
