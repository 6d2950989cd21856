#include "report/text.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/units.h"
#include "report/report.h"

namespace concertina {
namespace {

const MetricInfo* find_metric(const StudyHeader& header, std::string_view metric) {
  const std::string_view plain = metric.starts_with("test.") ? metric.substr(5) : metric;
  for (const auto* metrics : {&header.objectives, &header.recorded}) {
    for (const MetricInfo& m : *metrics) if (m.name == plain) return &m;
  }
  return nullptr;
}

bool is_count(std::string_view metric) { return metric.ends_with("params") || metric.ends_with("macs"); }

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string unit_of(const StudyHeader& header, std::string_view metric) {
  if (const MetricInfo* found = find_metric(header, metric)) return found->unit;
  return metric.ends_with("_ms") ? "ms" : "";
}

std::string metric_title(const StudyHeader& header, std::string_view metric) {
  const std::string unit = unit_of(header, metric);
  const std::string name = metric.starts_with("test.") ? fmt::format("{} on test", metric.substr(5)) : std::string(metric);
  return unit.empty() || unit == name || is_count(metric) ? name : fmt::format("{} ({})", name, unit);
}

std::string metric_value(std::string_view metric, double value) {
  if (std::isnan(value)) return "–";
  if (is_count(metric)) return format_count(value);
  return metric.ends_with("_ms") ? fmt::format("{:.2f}", value) : fmt::format("{:.4g}", value);
}

std::string budget_text(const StudyHeader& header, const Budget& budget) {
  const MetricInfo* metric = find_metric(header, budget.metric);
  const bool maximised = metric != nullptr && metric->direction == Direction::kMaximise;
  const Bound bound = budget.bound.value_or(maximised ? Bound::kAtLeast : Bound::kAtMost);
  const std::string unit = is_count(budget.metric) ? "" : unit_of(header, budget.metric);
  return fmt::format("{} {} {}{}{}", budget.metric, bound == Bound::kAtMost ? "≤" : "≥", metric_value(budget.metric, budget.limit),
                     unit.empty() ? "" : " ", unit);
}

std::string model_path(const StudyHeader& header) {
  const auto json = nlohmann::json::parse(header.model, nullptr, false);
  return json.is_object() && json.contains("path") && json["path"].is_string() ? json["path"].get<std::string>() : "MODEL";
}

}  // namespace concertina
