#include "pipeline/paired_scores.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "study/metric.h"

namespace concertina {
namespace {

[[noreturn]] void fail_other_clips(const std::string& what) {
  throw InputError("the two were not scored on the same clips: " + what);
}

void expect_same_clips(const Scores& a, const Scores& b) {
  if (a.split != b.split)
    fail_other_clips(fmt::format("split {} and {}", split_name(a.split), split_name(b.split)));
  if (a.fidelity != b.fidelity)
    fail_other_clips(fmt::format("fidelity {:g} and {:g}", a.fidelity, b.fidelity));
  if (a.data != b.data)
    fail_other_clips(fmt::format("data {} and {}", a.data.substr(0, 12), b.data.substr(0, 12)));
  for (const TaskData& task : a.tasks) {
    const auto other = std::ranges::find(b.tasks, task.task, &TaskData::task);
    if (other == b.tasks.end() || task.scored_ids.empty() || other->scored_ids.empty()) continue;
    if (task.scored_ids != other->scored_ids)
      fail_other_clips(fmt::format("clips of {} differ", task.task));
  }
}

bool same_trials(const TaskScore& a, const TaskScore& b) {
  return a.trial_clips == b.trial_clips &&
         std::ranges::equal(a.trials, b.trials, [](const auto& x, const auto& y) {
           return x.first == y.first && x.second == y.second && x.target == y.target;
         });
}

// A difference of shares, in the metric's unit.
PairedTest in_unit_of(const std::string& metric, PairedTest test) {
  const Metric* known = find_metric(metric);
  const double unit = known != nullptr && known->format == NumberFormat::kPercent ? 100 : 1;
  test.difference *= unit;
  test.interval.low *= unit;
  test.interval.high *= unit;
  return test;
}

Rng rng_of(const std::string& metric, uint64_t seed) { return Rng(seed).fork("paired " + metric); }

ScoreDifference of_hits(const TaskScore& a, const TaskScore& b, uint64_t seed) {
  if (a.hits.size() != b.hits.size())
    throw InputError(fmt::format("{} is of {} clips in one and of {} in the other", a.metric,
                                 a.hits.size(), b.hits.size()));
  const PairedTest test =
      paired_hit_rates({a.hits, a.totals}, {b.hits, b.totals}, rng_of(a.metric, seed));
  return {a.metric, a.value, b.value, in_unit_of(a.metric, test), std::ssize(a.hits)};
}

// `metric`.eer with its trials; `cost`: of the same trials.
void add_verification(const TaskScore& a, const TaskScore& b, const ScoredBy& first,
                      const ScoredBy& second, uint64_t seed,
                      std::vector<ScoreDifference>& differences) {
  if (!same_trials(a, b))
    throw InputError(fmt::format("{} has other trials in one than in the other", a.metric));
  const auto [rate, cost] =
      paired_verification(a.trials, b.trials, a.trial_clips, rng_of(a.metric, seed));
  differences.push_back({a.metric, a.value, b.value, in_unit_of(a.metric, rate), a.trial_clips});
  std::string costs = a.metric;
  costs.replace(costs.find(".eer"), 4, ".min_dcf");
  const TaskScore* of_first = find_score(*first.model, costs);
  const TaskScore* of_second = find_score(*second.model, costs);
  if (of_first != nullptr && of_second != nullptr)
    differences.push_back({costs, of_first->value, of_second->value, cost, a.trial_clips});
}

}  // namespace

std::vector<ScoreDifference> common_differences(const ScoredBy& a, const ScoredBy& b,
                                                uint64_t seed) {
  expect_same_clips(*a.scores, *b.scores);
  std::vector<ScoreDifference> differences;
  for (const TaskScore& score : a.model->scores) {
    const TaskScore* other = find_score(*b.model, score.metric);
    if (other == nullptr) continue;
    if (!score.hits.empty() && !other->hits.empty())
      differences.push_back(of_hits(score, *other, seed));
    if (!score.trials.empty() && !other->trials.empty())
      add_verification(score, *other, a, b, seed, differences);
  }
  return differences;
}

std::vector<ScoreDifference> paired_differences(const ScoredBy& a, const ScoredBy& b) {
  std::vector<ScoreDifference> differences = common_differences(a, b);
  if (differences.empty())
    throw InputError(
        fmt::format("'{}' and '{}' have no metric with results of each clip in common "
                    "(concertina eval --clips)",
                    a.model->name, b.model->name));
  return differences;
}

}  // namespace concertina
