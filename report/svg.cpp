#include "report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "report/text.h"

namespace concertina {
namespace {

constexpr double kLeft = 68, kRight = 18, kTop = 14, kBottom = 48, kPixelsPerTick = 90;

bool finite(double x, double y) { return std::isfinite(x) && std::isfinite(y); }

struct Range {
  double low = std::numeric_limits<double>::infinity(),
         high = -std::numeric_limits<double>::infinity();
  void add(double v) { low = std::min(low, v), high = std::max(high, v); }
};

// Maps one axis of the data to pixels.
struct Scale {
  std::vector<double> ticks;
  double from = 0, to = 0;
  double at(double v) const {
    return from + (v - ticks.front()) / (ticks.back() - ticks.front()) * (to - from);
  }
};

class Painter {
 public:
  Painter(const Chart& chart, const Range& x, const Range& y)
      : chart_(chart),
        x_{round_ticks(x.low, x.high, std::max(2, static_cast<int>(chart.width / kPixelsPerTick))),
           kLeft, chart.width - kRight},
        y_{round_ticks(y.low, y.high, std::max(2, static_cast<int>(chart.height / 60))),
           chart.height - kBottom, kTop} {}

  std::string paint() {
    out_ = fmt::format("<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"{}\">\n",
                       chart_.width, chart_.height, escape_html(chart_.description));
    grid();
    for (const ChartLine& line : chart_.lines) polyline(line);
    for (const ChartMark& mark : chart_.marks)
      if (finite(mark.x, mark.y)) circle(mark);
    legend();
    return out_ + "</svg>\n";
  }

 private:
  void text(double x, double y, std::string_view anchor, std::string_view style,
            std::string_view words) {
    out_ +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">{}</text>\n",
                    x, y, anchor, style, escape_html(words));
  }

  void rule(double x1, double y1, double x2, double y2, std::string_view style) {
    out_ += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", x1, y1,
        x2, y2, style);
  }

  void grid() {
    for (const double tick : y_.ticks) {
      rule(x_.from, y_.at(tick), x_.to, y_.at(tick), tick == y_.ticks.front() ? "axis" : "grid");
      text(x_.from - 8, y_.at(tick) + 4, "end", "tick", chart_.y.text(tick));
    }
    for (const double tick : x_.ticks) {
      rule(x_.at(tick), y_.from, x_.at(tick), y_.from + 4, "axis");
      text(x_.at(tick), y_.from + 18, "middle", "tick", chart_.x.text(tick));
    }
    text((x_.from + x_.to) / 2, chart_.height - 8, "middle", "title", chart_.x.title);
    const double middle = (y_.from + y_.to) / 2;
    out_ += fmt::format(
        "<text transform=\"translate(14 {:.1f}) rotate(-90)\" text-anchor=\"middle\" "
        "class=\"title\">{}</text>\n",
        middle, escape_html(chart_.y.title));
  }

  void polyline(const ChartLine& line) {
    std::string path;
    bool open = false;
    for (const auto& [x, y] : line.points) {
      if (finite(x, y))
        path += fmt::format("{}{:.1f} {:.1f}", open ? "L" : "M", x_.at(x), y_.at(y));
      open = finite(x, y);
    }
    out_ += fmt::format("<path d=\"{}\" class=\"{}\"/>\n", path, line.style);
  }

  void circle(const ChartMark& mark) {
    out_ += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:g}\" class=\"{}\"><title>{}</title></circle>\n",
        x_.at(mark.x), y_.at(mark.y), mark.radius, mark.style, escape_html(mark.tooltip));
  }

  void legend() {
    double y = kTop + 12;
    for (const ChartLine& line : chart_.lines) {
      if (line.label.empty()) continue;
      rule(x_.to - 22, y - 4, x_.to - 4, y - 4, line.style);
      text(x_.to - 28, y, "end", "tick", line.label);
      y += 16;
    }
  }

  const Chart& chart_;
  Scale x_, y_;
  std::string out_;
};

}  // namespace

std::vector<double> round_ticks(double low, double high, int about) {
  if (!(high > low)) {
    const double pad = low == 0 ? 1 : std::abs(low) * 0.1;
    low -= pad, high = low + 2 * pad;
  }
  const double raw = (high - low) / about;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double step = power * (raw / power > 5   ? 10
                               : raw / power > 2 ? 5
                               : raw / power > 1 ? 2
                                                 : 1);
  std::vector<double> ticks;
  const auto first = static_cast<int64_t>(std::floor(low / step)),
             last = static_cast<int64_t>(std::ceil(high / step));
  for (int64_t i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::string render_chart(const Chart& chart) {
  Range x, y;
  const auto add = [&](double px, double py) {
    if (finite(px, py)) x.add(px), y.add(py);
  };
  for (const ChartLine& line : chart.lines)
    for (const auto& [px, py] : line.points) add(px, py);
  for (const ChartMark& mark : chart.marks) add(mark.x, mark.y);
  return x.low > x.high ? std::string() : Painter(chart, x, y).paint();
}

}  // namespace concertina
