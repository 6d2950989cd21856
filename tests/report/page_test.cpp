#include "report/page.h"

#include <gtest/gtest.h>

namespace concertina {
namespace {

TEST(Page, IsSelfContainedAndEscapesEveryText) {
  const std::string page = render_page(
      {.title = "<a & b>",
       .facts = {{"split", "<test>"}},
       .tables = {{.title = "Scores", .columns = {"model"}, .rows = {{"<m>"}}, .note = "<n>"}},
       .chart_title = "Layers",
       .chart_note = "",
       .charts =
           {{.title = "pr <x>", .x = "layer", .y = "%", .lines = {{"<l>", {{0, 1}, {1, 2}}}}}},
       .last_tables = {{.title = "Last", .columns = {"c"}, .rows = {{"d"}}, .note = ""}}});
  EXPECT_TRUE(page.starts_with("<!doctype html>"));
  EXPECT_TRUE(page.ends_with("</html>\n"));
  for (const char* raw : {"<a & b>", "<test>", "<m>", "<n>", "<x>", "<l>", "http://", "https://"})
    EXPECT_EQ(page.find(raw), std::string::npos) << raw;
  EXPECT_NE(page.find("&lt;m&gt;"), std::string::npos);
  EXPECT_LT(page.find("Scores"), page.find("<svg"));
  EXPECT_LT(page.find("<svg"), page.find("Last"));
}

TEST(Page, ChartsWithoutPointsAreLeftOut) {
  const std::string page =
      render_page({.title = "t",
                   .facts = {},
                   .tables = {},
                   .chart_title = "Layers",
                   .chart_note = "",
                   .charts = {{.title = "none", .x = "x", .y = "y", .lines = {}}},
                   .last_tables = {}});
  EXPECT_EQ(page.find("Layers"), std::string::npos);
}

}  // namespace
}  // namespace concertina
