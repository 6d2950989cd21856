#include "supernet/space/architecture.h"

#include <gmock/gmock.h>

#include <unordered_set>

#include "core/errors.h"
#include "core/rng.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

TEST(Architecture, KeyFoldsRuns) {
  const std::string key = "c=512 e=384 p=20000 L=0-11:6x1536";
  EXPECT_EQ(Architecture::parse(key).key(), key);
  EXPECT_EQ(Architecture::parse(key), wave_net(384, 6, 1536, 12, 512));
}

TEST(Architecture, KeySpellsOutWhatDiffers) {
  const Architecture net(
      {64, 96}, 128, 40000,
      {{0, 2, 256, 0}, {1, 2, 256, 0}, {3, 2, 256, 0}, {4, 0, 128, 0}, {5, 1, 0, 16}});
  EXPECT_EQ(net.key(), "c=64,96 e=128 p=40000 L=0-1:2x256,3:2x256,4:0x128,5:1x0w16");
  EXPECT_EQ(Architecture::parse(net.key(), 2), net);
}

TEST(Architecture, AcceptsAnyOrderBlanksAndUnfoldedRuns) {
  EXPECT_EQ(Architecture::parse(" L=0:1x2,1:1x2\te=16  p=20000 ").key(), "e=16 p=20000 L=0-1:1x2");
}

TEST(Architecture, ALayerWithoutHeadsHasNoWindow) {
  EXPECT_EQ(Architecture({}, 16, 20000, {{0, 0, 8, 64}}),
            Architecture({}, 16, 20000, {{0, 0, 8, 0}}));
}

TEST(Architecture, LinearAttentionIsPartOfTheKey) {
  const std::string key = "e=128 p=20000 L=0-1:2x256lin,2:2x256,3:0x256";
  const Architecture net = Architecture::parse(key);
  EXPECT_EQ(net.key(), key);
  EXPECT_TRUE(net.layers()[1].is_linear());
  EXPECT_FALSE(net.layers()[2].is_linear());
  EXPECT_NE(net, Architecture::parse("e=128 p=20000 L=0-2:2x256,3:0x256"));
  const auto linear = [](int32_t heads, int32_t window) {
    return Architecture({}, 16, 20000, {{0, heads, 8, window, AttentionKind::kLinear}}).key();
  };
  EXPECT_EQ(linear(1, 64), "e=16 p=20000 L=0:1x8lin");  // it sees all frames
  EXPECT_EQ(linear(0, 0), "e=16 p=20000 L=0:0x8");
}

TEST(Architecture, NamesTheInvalidPart) {
  const auto message = [](const char* key) -> std::string {
    try {
      Architecture::parse(key);
    } catch (const InputError& error) {
      return error.what();
    }
    return "accepted";
  };
  using testing::HasSubstr;
  EXPECT_THAT(message(""), HasSubstr("e= is missing"));
  EXPECT_THAT(message("e=16 L=0:1x2"), HasSubstr("p= is missing"));
  EXPECT_THAT(message("e=16 p=20000"), HasSubstr("L= is missing"));
  EXPECT_THAT(message("e=16 e=16 p=20000 L=0:1x2"), HasSubstr("'e=' is given twice"));
  EXPECT_THAT(message("e=16 p=20000 L=0:1x2 depth=3"), HasSubstr("unknown part 'depth=3'"));
  EXPECT_THAT(message("e=16 p=20000 L=0:1y2"), HasSubstr("expected 'x' at 'y2'"));
  EXPECT_THAT(message("e=16 p=20000 L=0:1x"), HasSubstr("a whole number at 'the end'"));
  EXPECT_THAT(message("e=16 p=20000 L=1:1x2,0:1x2"), HasSubstr("0 follows 1"));
  EXPECT_THAT(message("e=16 p=20000 L=0-2000000000:1x2"), HasSubstr("out of range"));
  EXPECT_THAT(message("e=16 p=20000 L=0:0x0"), HasSubstr("neither heads nor an FFN"));
  EXPECT_THAT(message("e=16 p=20000 L=0:1x2w3"), HasSubstr("odd"));
  EXPECT_THAT(message("e=16 p=20000 L=0:1x2li"), HasSubstr("',' between runs of layers at 'li'"));
  EXPECT_THAT(message("e=16 p=20000 L=0:1x2w4lin"), HasSubstr("at 'lin'"));
  EXPECT_THAT(message("e=0 p=20000 L=0:1x2"), HasSubstr("embedding width"));
  EXPECT_THAT(message("e=99999999999 p=20000 L=0:1x2"), HasSubstr("whole number"));
}

TEST(Architecture, MutatedKeysNeverCrashAndRoundTrip) {
  const std::vector<std::string> seeds = {"c=512 e=384 p=20000 L=0-11:6x1536",
                                          "c=1,2,3,4,5,6,7 e=16 p=40000 L=0:1x0w2,3-5:2x8",
                                          "e=96 p=20000 L=0-1:2x192lin,3:0x96"};
  const std::string alphabet = "0123456789-,:xw=cepLlin \tx\xff";
  Rng rng(7);
  int32_t accepted = 0;
  for (int32_t round = 0; round < 20000; ++round) {
    std::string text = seeds[static_cast<size_t>(rng.below(3))];
    for (int64_t edits = rng.below(4); edits >= 0 && !text.empty(); --edits) {
      const auto at = static_cast<size_t>(rng.below(static_cast<int64_t>(text.size())));
      const char c =
          alphabet[static_cast<size_t>(rng.below(static_cast<int64_t>(alphabet.size())))];
      switch (rng.below(3)) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.insert(at, 1, c);
          break;
        default:
          text.erase(at, 1);
      }
    }
    try {
      const Architecture net = Architecture::parse(text);
      const std::string key = net.key();
      if (net.conv_channels().empty() || net.conv_channels().size() == 7) {
        EXPECT_EQ(Architecture::parse(key), net) << text;
        EXPECT_EQ(Architecture::parse(key).key(), key);
      }
      ++accepted;
    } catch (const InputError&) {
    }
  }
  EXPECT_GT(accepted, 1000);
}

TEST(Architecture, EqualNetsHashAlike) {
  std::unordered_set<Architecture> seen = {wave_net(64, 1, 128, 2), wave_net(64, 1, 128, 2),
                                           wave_net(64, 1, 128, 3)};
  EXPECT_EQ(seen.size(), 2U);
}

}  // namespace
}  // namespace concertina
