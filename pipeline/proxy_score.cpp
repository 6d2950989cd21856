#include "pipeline/proxy_score.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "eval/superb.h"
#include "study/metric.h"

namespace concertina {
namespace {

std::string task_of(const std::string& metric) { return metric.substr(0, metric.find('.')); }

bool is_of_a_task(const Scores& scores, const std::string& metric) {
  return std::ranges::count(scores.tasks, task_of(metric), &TaskData::task) > 0;
}

double low_end(const TaskScore& score) { return std::isnan(score.low) ? score.value : score.low; }
double high_end(const TaskScore& score) {
  return std::isnan(score.high) ? score.value : score.high;
}

// Whether the ceiling is better than the baseline, and their intervals do not overlap.
bool anchors(const TaskScore& baseline, const TaskScore& ceiling) {
  const Metric* known = find_metric(ceiling.metric);
  if (known == nullptr) return false;
  return known->direction == Direction::kMinimise ? high_end(ceiling) < low_end(baseline)
                                                  : low_end(ceiling) > high_end(baseline);
}

std::optional<double> score_between(const ScoredModel& model, const ScoredModel& baseline,
                                    const ScoredModel& ceiling,
                                    const std::vector<std::string>& metrics) {
  std::vector<AnchoredMetric> anchored;
  for (const std::string& metric : metrics) {
    const TaskScore* score = find_score(model, metric);
    if (score == nullptr || !std::isfinite(score->value)) return std::nullopt;
    anchored.push_back({task_of(metric), score->value, find_score(baseline, metric)->value,
                        find_score(ceiling, metric)->value});
  }
  return anchored_score(anchored);
}

}  // namespace

std::optional<ProxyScores> proxy_scores(const Scores& scores) {
  const ScoredModel* baseline = find_model(scores, "fbank");
  if (baseline == nullptr) baseline = find_model(scores, "mfcc");
  const ScoredModel* ceiling = find_model(scores, "teacher");
  if (baseline == nullptr || ceiling == nullptr) return std::nullopt;
  ProxyScores proxy{baseline->name, ceiling->name, {}, {}, {}};
  for (const TaskScore& score : ceiling->scores) {
    const TaskScore* low = find_score(*baseline, score.metric);
    if (low == nullptr || !is_of_a_task(scores, score.metric)) continue;
    (anchors(*low, score) ? proxy.metrics : proxy.left_out).push_back(score.metric);
  }
  if (proxy.metrics.empty() && proxy.left_out.empty()) return std::nullopt;
  for (const ScoredModel& model : scores.models)
    proxy.of_models.push_back(proxy.metrics.empty()
                                  ? std::nullopt
                                  : score_between(model, *baseline, *ceiling, proxy.metrics));
  return proxy;
}

std::string proxy_note(const ProxyScores& scores) {
  if (scores.metrics.empty())
    return fmt::format("{} is left out: in no metric is the {} clearly better than {}", kProxyScore,
                       scores.ceiling, scores.baseline);
  std::string note =
      fmt::format("{0}: 1000 (score - {1}) / ({2} - {1}), a mean over tasks of means over metrics",
                  kProxyScore, scores.baseline, scores.ceiling);
  if (!scores.left_out.empty())
    note += fmt::format("; without {}, where the {} is not clearly better than {}",
                        fmt::join(scores.left_out, ", "), scores.ceiling, scores.baseline);
  return note;
}

}  // namespace concertina
