// A chart as inline SVG: axes with round ticks, lines, and marks with tooltips; colours come from the
// page's CSS. Private to report/.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace concertina {

using XY = std::pair<double, double>;

struct ChartLine {
  std::string style;       // CSS class
  std::vector<XY> points;  // NaN breaks the line
  std::string label;       // "": not in the legend
};

struct ChartMark {
  double x = 0, y = 0;
  std::string style;  // CSS class
  std::string tooltip;
  double radius = 3;
};

struct ChartAxis {
  std::string title;
  std::function<std::string(double)> text;  // of a tick
};

struct Chart {
  std::string description;  // for screen readers
  ChartAxis x, y;
  std::vector<ChartLine> lines;
  std::vector<ChartMark> marks;  // drawn above the lines, in order
  double width = 860, height = 420;
};

// Round numbers (1, 2 or 5 times a power of ten) from the one at or below `low` to the one at or
// above `high`.
std::vector<double> round_ticks(double low, double high, int about);
std::string render_chart(const Chart& chart);  // "" when there is no finite point

}  // namespace concertina
