#include "eval/superb.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

namespace concertina {
namespace {

constexpr std::array kSuperbMetrics = {
    SuperbMetric{"PR", "PR", 82.01, 3.53},     SuperbMetric{"ASR", "ASR", 23.18, 3.62},
    SuperbMetric{"KS", "KS", 41.38, 96.66},    SuperbMetric{"QbE", "QbE", 0.0058, 0.0736},
    SuperbMetric{"SID", "SID", 20.06, 90.33},  SuperbMetric{"ASV", "ASV", 9.56, 5.11},
    SuperbMetric{"SD", "SD", 10.05, 5.62},     SuperbMetric{"IC", "IC", 9.65, 98.76},
    SuperbMetric{"SF-F1", "SF", 69.64, 89.81}, SuperbMetric{"SF-CER", "SF", 52.94, 21.76},
    SuperbMetric{"ER", "ER", 48.24, 67.62},
};

bool is_error_rate(const SuperbMetric& metric) { return metric.sota < metric.fbank; }

double in_per_cent(const SuperbMetric& metric, double value) {
  if (metric.name == "QbE") return 100 * value;
  return is_error_rate(metric) ? 100 - value : value;
}

}  // namespace

std::optional<double> anchored_score(std::span<const AnchoredMetric> metrics) {
  if (metrics.empty()) return std::nullopt;
  std::map<std::string, std::pair<double, int>> tasks;  // sum, how many
  for (const AnchoredMetric& metric : metrics) {
    auto& [sum, count] = tasks[metric.task];
    sum += (metric.value - metric.baseline) / (metric.ceiling - metric.baseline);
    ++count;
  }
  double total = 0;
  for (const auto& [name, task] : tasks) total += task.first / task.second;
  return 1000 * total / static_cast<double>(tasks.size());
}

std::span<const SuperbMetric> superb_metrics() { return kSuperbMetrics; }

const SuperbMetric* find_superb_metric(std::string_view name) {
  const auto* const found = std::ranges::find(kSuperbMetrics, name, &SuperbMetric::name);
  return found == kSuperbMetrics.end() ? nullptr : found;
}

std::optional<double> superb_overall(const SuperbResults& results) {
  double sum = 0;
  for (const SuperbMetric& metric : kSuperbMetrics) {
    const auto value = results.find(metric.name);
    if (value == results.end()) return std::nullopt;
    sum += in_per_cent(metric, value->second);
  }
  return sum / static_cast<double>(kSuperbMetrics.size());
}

std::optional<SuperbScore> superb_s(const SuperbResults& results) {
  std::set<std::string_view> tasks, incomplete;
  for (const SuperbMetric& metric : kSuperbMetrics) {
    tasks.insert(metric.task);
    if (!results.contains(metric.name)) incomplete.insert(metric.task);
  }
  std::vector<AnchoredMetric> metrics;
  for (const SuperbMetric& metric : kSuperbMetrics) {
    if (incomplete.contains(metric.task)) continue;
    metrics.push_back(
        {std::string(metric.task), results.find(metric.name)->second, metric.fbank, metric.sota});
  }
  const std::optional<double> score = anchored_score(metrics);
  if (!score) return std::nullopt;
  return SuperbScore{*score, static_cast<int32_t>(tasks.size() - incomplete.size())};
}

}  // namespace concertina
