#include "eval/term_weighted.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace concertina {
namespace {

// Trials of queries that have a target, the highest score first, with what accepting one is worth.
struct RankedTrial {
  size_t query = 0;  // of those with a target
  double score = 0;
  double gain = 0;
};

struct RankedTrials {
  std::vector<RankedTrial> trials;
  size_t queries = 0;

  RankedTrials(std::span<const SearchTrial> all, SearchCosts costs) {
    struct Counts {
      int64_t targets = 0, others = 0;
      size_t number = 0;
    };
    std::map<int64_t, Counts> counts;
    for (const SearchTrial& trial : all)
      ++(trial.target ? counts[trial.query].targets : counts[trial.query].others);
    std::erase_if(counts, [](const auto& each) { return each.second.targets == 0; });
    for (auto& [query, of_query] : counts) of_query.number = queries++;
    const double beta = costs.c_false_alarm / costs.c_miss * (1 / costs.p_target - 1);
    for (const SearchTrial& trial : all) {
      const auto found = counts.find(trial.query);
      if (found == counts.end()) continue;
      const auto& [targets, others, number] = found->second;
      trials.push_back(
          {number, trial.score,
           trial.target ? 1 / static_cast<double>(targets) : -beta / static_cast<double>(others)});
    }
    std::ranges::stable_sort(trials, std::ranges::greater{}, &RankedTrial::score);
  }

  // `times`: how often each query counts; empty: once.
  double highest(std::span<const int32_t> times) const {
    double value = 0, best = 0;
    for (size_t i = 0; i < trials.size(); ++i) {
      value += trials[i].gain * (times.empty() ? 1 : times[trials[i].query]);
      const bool last = i + 1 == trials.size() || trials[i + 1].score != trials[i].score;
      if (last) best = std::max(best, value);
    }
    return queries == 0 ? 0 : best / static_cast<double>(queries);
  }
};

}  // namespace

double max_term_weighted_value(std::span<const SearchTrial> trials, SearchCosts costs) {
  return RankedTrials(trials, costs).highest({});
}

Interval bootstrap_term_weighted_value(std::span<const SearchTrial> trials, Rng rng,
                                       int32_t resamples) {
  const RankedTrials ranked(trials, {});
  std::vector<double> values;
  for (int32_t r = 0; r < resamples && ranked.queries > 0; ++r)
    values.push_back(
        ranked.highest(draw_with_replacement(static_cast<int64_t>(ranked.queries), rng)));
  return percentile_interval(std::move(values));
}

}  // namespace concertina
