#include "report/text.h"

#include <fmt/format.h>

#include <cmath>

namespace concertina {
namespace {

// "params" and "MACs" repeat the metric's name.
bool unit_is_shown(std::string_view metric, std::string_view unit) {
  const Metric* known = find_metric(metric);
  return !unit.empty() && (known == nullptr || known->format != NumberFormat::kCount);
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string unit_of(const StudyHeader& header, std::string_view metric) {
  const auto found = metric_info(header, metric);
  return found ? found->unit : "";
}

std::string metric_title(const StudyHeader& header, std::string_view metric) {
  const std::string unit = unit_of(header, metric);
  const std::string_view plain = without_split(metric);
  const std::string name = fmt::format("{}{}", plain, plain == metric ? "" : " on test");
  return unit_is_shown(metric, unit) ? fmt::format("{} ({})", name, unit) : name;
}

std::string metric_value(std::string_view metric, double value) {
  return std::isnan(value) ? "–" : metric_number(metric, value);
}

std::string budget_text(const StudyHeader& header, const Budget& budget) {
  const std::string unit = unit_of(header, budget.metric);
  return fmt::format("{} {} {}{}", budget.time ? "latency" : budget.metric,
                     bound_of(header, budget) == Bound::kAtMost ? "≤" : "≥",
                     metric_value(budget.metric, budget.limit),
                     unit_is_shown(budget.metric, unit) ? " " + unit : "");
}

std::string model_path(const StudyHeader& header) {
  const std::string path = model_record(header).path;
  return path.empty() ? "MODEL" : path;
}

}  // namespace concertina
