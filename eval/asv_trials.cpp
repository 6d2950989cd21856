#include "eval/asv_trials.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "eval/folds.h"
#include "eval/plda.h"
#include "eval/task_data.h"

namespace concertina {
namespace {

constexpr int64_t kShortestTrialClip = kTaskSampleRate * 3 / 2;
constexpr int64_t kTriesPerTrial = 50;
// The strongest first, so that a tie goes to it.
constexpr std::array<double, 3> kPldaShrinkages = {0.5, 0.1, 1e-2};

std::optional<VerificationTrial> draw_trial(const std::vector<Speaking>& clips, bool target,
                                            Rng& rng) {
  const auto n = static_cast<int64_t>(clips.size());
  const int64_t a = rng.below(n), b = rng.below(n);
  const Speaking& first = clips[static_cast<size_t>(a)];
  const Speaking& second = clips[static_cast<size_t>(b)];
  if (first.group == second.group || (first.speaker == second.speaker) != target)
    return std::nullopt;
  return VerificationTrial{std::min(a, b), std::max(a, b), target, 0};
}

// Fixed by the clips alone: uniform over the pairs of each kind, without repeats, as many as there
// are at most.
std::vector<VerificationTrial> draw_trials(const std::vector<Speaking>& clips, int64_t of_each_kind,
                                           Split split) {
  std::vector<VerificationTrial> trials;
  if (clips.size() < 2) return trials;
  std::set<std::pair<int64_t, int64_t>> drawn;
  for (const bool target : {true, false}) {
    Rng rng = Rng(0).fork(fmt::format("asv trials {} {}", split_name(split), target));
    int64_t found = 0;
    for (int64_t tries = 0; found < of_each_kind && tries < of_each_kind * kTriesPerTrial;
         ++tries) {
      const auto trial = draw_trial(clips, target, rng);
      if (!trial || !drawn.insert({trial->first, trial->second}).second) continue;
      trials.push_back(*trial);
      ++found;
    }
  }
  return trials;
}

at::Tensor places_of(const std::vector<VerificationTrial>& trials,
                     int64_t VerificationTrial::* place) {
  std::vector<int64_t> places;
  for (const VerificationTrial& trial : trials) places.push_back(trial.*place);
  return at::tensor(places, at::kLong);
}

// Of each trial, the rows of `embeddings` that it compares.
std::pair<at::Tensor, at::Tensor> sides_of(const std::vector<VerificationTrial>& trials,
                                           const at::Tensor& embeddings) {
  return {embeddings.index_select(0, places_of(trials, &VerificationTrial::first)),
          embeddings.index_select(0, places_of(trials, &VerificationTrial::second))};
}

void set_scores(std::vector<VerificationTrial>& trials, const at::Tensor& scores) {
  const at::Tensor values = scores.to(at::kDouble).contiguous();
  const double* value = values.const_data_ptr<double>();
  for (size_t i = 0; i < trials.size(); ++i) trials[i].score = value[i];
}

void set_log_ratios(std::vector<VerificationTrial>& trials, const Plda& plda,
                    const at::Tensor& embeddings) {
  const auto [a, b] = sides_of(trials, plda.project(embeddings));
  set_scores(trials, plda.log_ratios(a, b));
}

int64_t speakers_in(const TrialSet& set) {
  int64_t speakers = 0;
  for (const Speaking& clip : set.clips) speakers = std::max(speakers, clip.speaker + 1);
  return speakers;
}

// The fold of each clip by its speaker: those with most clips are dealt first. Two speakers a fold
// at least; -1 for all where there are fewer than four.
struct SpeakerFolds {
  std::vector<int64_t> of_clip;
  int64_t folds = 0;
};
SpeakerFolds deal_speakers(const TrialSet& set) {
  std::map<int64_t, int64_t> clips;
  for (const Speaking& clip : set.clips) ++clips[clip.speaker];
  std::vector<std::pair<int64_t, int64_t>> sorted;  // less its clips, speaker
  for (const auto& [speaker, count] : clips) sorted.emplace_back(-count, speaker);
  std::ranges::sort(sorted);
  SpeakerFolds dealt;
  dealt.folds = std::min<int64_t>(kFolds, std::ssize(sorted) / 2);
  if (dealt.folds < 2) return {std::vector<int64_t>(set.clips.size(), -1), 0};
  std::map<int64_t, int64_t> fold_of;
  for (size_t i = 0; i < sorted.size(); ++i)
    fold_of[sorted[i].second] = static_cast<int64_t>(i) % dealt.folds;
  for (const Speaking& clip : set.clips) dealt.of_clip.push_back(fold_of.at(clip.speaker));
  return dealt;
}

// Sums of embeddings [n, D] of the clips outside `fold`; -1: of all.
ProbeSums sums_outside(const TrialSet& set, const SpeakerFolds& dealt, int64_t fold,
                       const at::Tensor& embeddings) {
  std::vector<int64_t> rows, speakers;
  for (size_t i = 0; i < set.clips.size(); ++i) {
    if (fold >= 0 && dealt.of_clip[i] == fold) continue;
    rows.push_back(static_cast<int64_t>(i));
    speakers.push_back(set.clips[i].speaker);
  }
  ProbeSums sums(speakers_in(set));
  sums.add(embeddings.index_select(0, at::tensor(rows, at::kLong)),
           at::tensor(speakers, at::kLong));
  return sums;
}

bool can_fit(const ProbeSums& sums) {
  const double speakers = sums.class_counts().gt(0).sum().item<double>();
  return speakers >= 2 && sums.count() > speakers;
}

std::vector<VerificationTrial> trials_within(const TrialSet& set, const SpeakerFolds& dealt,
                                             int64_t fold) {
  std::vector<VerificationTrial> trials = set.trials;
  const auto outside = [&](const VerificationTrial& trial) {
    return dealt.of_clip[static_cast<size_t>(trial.first)] != fold ||
           dealt.of_clip[static_cast<size_t>(trial.second)] != fold;
  };
  std::erase_if(trials, outside);
  return trials;
}

// Equal error rates of each shrinkage on the trials within the folds, by fits on the others.
std::array<double, kPldaShrinkages.size()> held_out_rates(const TrialSet& set,
                                                          const SpeakerFolds& dealt,
                                                          const at::Tensor& embeddings) {
  std::array<std::vector<VerificationTrial>, kPldaShrinkages.size()> scored;
  for (int64_t fold = 0; fold < dealt.folds; ++fold) {
    const ProbeSums sums = sums_outside(set, dealt, fold, embeddings);
    if (!can_fit(sums)) continue;
    const std::vector<Plda> fits = fit_pldas(sums, kPldaShrinkages);
    std::vector<VerificationTrial> trials = trials_within(set, dealt, fold);
    for (size_t k = 0; k < fits.size(); ++k) {
      set_log_ratios(trials, fits[k], embeddings);
      scored[k].insert(scored[k].end(), trials.begin(), trials.end());
    }
  }
  std::array<double, kPldaShrinkages.size()> rates{};
  std::ranges::transform(scored, rates.begin(),
                         [](const auto& trials) { return equal_error_rate(trials); });
  return rates;
}

}  // namespace

TrialSet trials_of(const Manifest& manifest, const SpeakerClips& picked, const TaskOptions& options,
                   Split split) {
  std::vector<ClipClass> clips;
  for (const ClipClass& each : picked.clips) {
    const Clip& clip = manifest.clips[static_cast<size_t>(each.first)];
    if (clip.split == split && clip.samples >= kShortestTrialClip) clips.push_back(each);
  }
  TrialSet set;
  const LeastClips least = split == Split::kTrain ? kLeastTraining : kLeastScored;
  for (const auto& [index, speaker] : clips_at_fidelity(manifest, clips, options.fidelity, least))
    set.clips.push_back({index, speaker, manifest.clips[static_cast<size_t>(index)].group});
  set.trials = draw_trials(set.clips, options.asv_trials, split);
  return set;
}

std::string what_trials_miss(const TrialSet& set, Split split) {
  const auto has = [&](bool target) {
    return std::ranges::count(set.trials, target, &VerificationTrial::target) > 0;
  };
  if (set.clips.empty())
    return fmt::format(
        "no clip of split {} is of its speakers and 1.5 s or longer (column 'split')",
        split_name(split));
  if (!has(true))
    return fmt::format(
        "no speaker has clips of two groups in split {} (columns 'group' and 'split')",
        split_name(split));
  if (!has(false))
    return fmt::format(
        "split {} has no two speakers in different groups (columns 'speaker', 'group' and 'split')",
        split_name(split));
  return "";
}

std::vector<VerificationTrial> scored_by_cosine(std::vector<VerificationTrial> trials,
                                                const at::Tensor& embeddings) {
  const auto [a, b] = sides_of(trials, embeddings / embeddings.norm(2, {1}, true).clamp_min(1e-12));
  set_scores(trials, (a * b).sum(1));
  return trials;
}

PldaTrials scored_by_plda(const TrialSet& training, const at::Tensor& of_training,
                          const TrialSet& scored, const at::Tensor& of_scored) {
  PldaTrials plda{.trials = scored.trials};
  const SpeakerFolds dealt = deal_speakers(training);
  plda.folds = dealt.folds;
  double least = 2;
  for (int64_t layer = 0; layer < of_training.size(1); ++layer) {
    const auto rates = held_out_rates(training, dealt, of_training.select(1, layer));
    plda.rates.push_back(*std::ranges::min_element(rates));
    for (size_t k = 0; k < rates.size(); ++k) {
      if (rates[k] >= least) continue;
      least = rates[k];
      plda.layer = layer;
      plda.shrinkage = kPldaShrinkages[k];
    }
  }
  const ProbeSums all = sums_outside(training, dealt, -1, of_training.select(1, plda.layer));
  if (can_fit(all))
    set_log_ratios(plda.trials, fit_pldas(all, std::array{plda.shrinkage}).front(),
                   of_scored.select(1, plda.layer));
  return plda;
}

}  // namespace concertina
