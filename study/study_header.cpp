#include "study/study_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace concertina {

std::optional<MetricInfo> metric_info(const StudyHeader& header, std::string_view name) {
  if (const Metric* known = find_metric(name)) return known->info();
  for (const auto* metrics : {&header.objectives, &header.recorded}) {
    const auto found = std::ranges::find(*metrics, without_split(name), &MetricInfo::name);
    if (found != metrics->end()) return *found;
  }
  return std::nullopt;
}

ModelRecord model_record(const StudyHeader& header) {
  const auto json = nlohmann::json::parse(header.model, nullptr, false);
  const auto text = [&](const char* key) {
    const bool is_text = json.is_object() && json.contains(key) && json[key].is_string();
    return is_text ? json[key].get<std::string>() : std::string();
  };
  return {text("path"), text("sha256")};
}

}  // namespace concertina
