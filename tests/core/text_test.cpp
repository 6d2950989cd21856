#include "core/text.h"

#include <gmock/gmock.h>

namespace concertina {
namespace {

using ::testing::ElementsAre;

TEST(Text, TrimsBothEnds) {
  EXPECT_EQ(trimmed(" \t a b \r\n"), "a b");
  EXPECT_EQ(trimmed(" \n"), "");
}

TEST(Text, SplittingKeepsEmptyParts) {
  EXPECT_THAT(split_text("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(split_text("", ','), ElementsAre(""));
}

TEST(Text, LinesEndInEitherWay) {
  std::string_view text = "a\r\n\nb";
  EXPECT_EQ(take_line(text), "a");
  EXPECT_EQ(take_line(text), "");
  EXPECT_EQ(take_line(text), "b");
  EXPECT_TRUE(text.empty());
}

}  // namespace
}  // namespace concertina
