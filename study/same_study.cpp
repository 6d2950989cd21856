#include "study/same_study.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace concertina {
namespace {

using Differences = std::vector<std::string>;

std::string names_of(const std::vector<MetricInfo>& metrics) {
  std::vector<std::string> names;
  for (const MetricInfo& metric : metrics) names.push_back(metric.name);
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

// As a study stores them: a metric that is an objective too counts as that only.
std::string names_of_recorded(const StudyHeader& header) {
  std::vector<MetricInfo> recorded = header.recorded;
  std::erase_if(recorded, [&](const MetricInfo& metric) {
    return std::ranges::find(header.objectives, metric.name, &MetricInfo::name) !=
           header.objectives.end();
  });
  return names_of(recorded);
}

std::string model_identity(const StudyHeader& header) {
  const std::string sha256 = model_record(header).sha256;
  return sha256.empty() ? header.model : sha256;
}

std::string shortened(const std::string& value) {
  return value.size() == 64 && value.find_first_not_of("0123456789abcdef") == std::string::npos
             ? fmt::format("{:.12}...", value)
             : value;
}

void compare(const std::string& name, const std::string& there, const std::string& wanted,
             Differences& found) {
  if (there != wanted)
    found.push_back(
        fmt::format("{} is {} there and {} here", name, shortened(there), shortened(wanted)));
}

void compare_facts(const std::string& of, const Facts& there, const Facts& wanted,
                   Differences& found) {
  for (const auto& [name, value] : wanted) {
    const auto known = there.find(name);
    compare(of + name, known == there.end() ? "not on record" : known->second, value, found);
  }
}

}  // namespace

std::vector<std::string> study_differences(const StudyHeader& there, const StudyHeader& wanted) {
  Differences found;
  if (there.space_json != wanted.space_json) found.emplace_back("it has another search space");
  compare("the supernet", model_identity(there), model_identity(wanted), found);
  compare("search.objectives", names_of(there.objectives), names_of(wanted.objectives), found);
  compare("search.record", names_of_recorded(there), names_of_recorded(wanted), found);
  if (there.settings.empty() && !wanted.settings.empty()) {
    found.emplace_back("its settings are not on record: it was begun by an older version");
    return found;
  }
  compare_facts("", there.settings, wanted.settings, found);
  for (const auto& [metric, facts] : wanted.fingerprints) {
    const auto known = there.fingerprints.find(metric);
    if (known == there.fingerprints.end()) continue;
    const std::string of = fmt::format("of {}: ", metric);
    compare_facts(of, known->second, facts, found);
    for (const auto& [name, value] : known->second)
      if (!facts.contains(name)) compare(of + name, value, "not set", found);
  }
  return found;
}

}  // namespace concertina
