// SUPERB's summary scores, of results that were measured with s3prl or read from a paper. Plain
// numbers, no tensors.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace concertina {

// One metric of a model between that of a baseline and that of a ceiling.
struct AnchoredMetric {
  std::string task;
  double value = 0, baseline = 0, ceiling = 0;  // baseline and ceiling differ
};
// 1000 times the mean over tasks of the mean over the task's metrics of
//   (value - baseline) / (ceiling - baseline):
// 0 is the baseline, 1000 the ceiling, whichever direction is better. nullopt for no metric.
std::optional<double> anchored_score(std::span<const AnchoredMetric> metrics);

// Of SUPERB's ten tasks (Yang et al. 2021), as its tables print them: per cent, QbE's maximum term
// weighted value as a share. `fbank` and `sota` are what the leaderboard (superbbenchmark.org)
// scores against.
struct SuperbMetric {
  std::string_view name, task;
  double fbank, sota;
};
// PR (phone error rate), ASR (word error rate without language model), KS, QbE, SID, ASV (equal error
// rate), SD (diarisation error rate), IC, SF-F1, SF-CER, ER.
std::span<const SuperbMetric> superb_metrics();
const SuperbMetric* find_superb_metric(std::string_view name);

using SuperbResults = std::map<std::string, double, std::less<>>;  // by SuperbMetric::name

// The mean over the eleven metrics, in per cent: error rates count as 100 less their value, QbE
// times 100. nullopt when one is missing.
std::optional<double> superb_overall(const SuperbResults& results);

// The leaderboard's score of generalisation, superb_s: anchored_score() between FBANK and sota
// (SUPERB @ SLT 2022, Feng et al. 2022, arXiv:2210.08634). Over the tasks of which all metrics are
// given: scores of other tasks do not compare.
struct SuperbScore {
  double score = 0;
  int32_t tasks = 0;  // of 10
};
std::optional<SuperbScore> superb_s(const SuperbResults& results);

}  // namespace concertina
