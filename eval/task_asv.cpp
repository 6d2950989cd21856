// Speaker verification: cosine of mean-pooled clips, pairs always from different groups.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/errors.h"
#include "eval/task.h"

namespace concertina {
namespace {

constexpr int64_t kShortestTrialClip = kTaskSampleRate * 3 / 2;
constexpr int64_t kTriesPerTrial = 50;

struct Speaking {
  int64_t clip = 0;     // index into the manifest
  int64_t speaker = 0;
  std::string group;
};

std::optional<VerificationTrial> draw_trial(const std::vector<Speaking>& clips, bool target, Rng& rng) {
  const auto n = static_cast<int64_t>(clips.size());
  const int64_t a = rng.below(n), b = rng.below(n);
  const Speaking& first = clips[static_cast<size_t>(a)];
  const Speaking& second = clips[static_cast<size_t>(b)];
  if (first.group == second.group || (first.speaker == second.speaker) != target) return std::nullopt;
  return VerificationTrial{std::min(a, b), std::max(a, b), target, 0};
}

// Fixed by the clips alone: uniform over the pairs of each kind, without repeats, as many as there are at most.
std::vector<VerificationTrial> draw_trials(const std::vector<Speaking>& clips, int64_t of_each_kind, Split split) {
  std::vector<VerificationTrial> trials;
  if (clips.size() < 2) return trials;
  std::set<std::pair<int64_t, int64_t>> drawn;
  for (const bool target : {true, false}) {
    Rng rng = Rng(0).fork(fmt::format("asv trials {} {}", split_name(split), target));
    int64_t found = 0;
    for (int64_t tries = 0; found < of_each_kind && tries < of_each_kind * kTriesPerTrial; ++tries) {
      const auto trial = draw_trial(clips, target, rng);
      if (!trial || !drawn.insert({trial->first, trial->second}).second) continue;
      trials.push_back(*trial);
      ++found;
    }
  }
  return trials;
}

bool has_both_kinds(const std::vector<VerificationTrial>& trials) {
  return std::ranges::any_of(trials, &VerificationTrial::target) &&
         !std::ranges::all_of(trials, &VerificationTrial::target);
}

// Trials of one split and the pooled clips they compare.
struct TrialSet {
  std::vector<Speaking> clips;
  std::vector<VerificationTrial> trials;
};

class VerificationTask : public Task {
 public:
  VerificationTask(std::map<Split, TrialSet> sets, std::set<int64_t> training, std::string rule, Split split)
      : sets_(std::move(sets)), training_(std::move(training)), rule_(std::move(rule)), split_(split) {
    for (const auto& [part, set] : sets_) {
      for (const Speaking& clip : set.clips) wanted_.insert(clip.clip);
    }
    wanted_.insert(training_.begin(), training_.end());
  }

  bool wants(int64_t clip) const override { return wanted_.contains(clip); }

  void add(int64_t clip, const ClipFeatures& features) override {
    const at::Tensor mean = features.layers.mean(1);
    if (training_.contains(clip)) {
      training_sum_ = training_sum_.defined() ? training_sum_ + mean.to(at::kDouble) : mean.to(at::kDouble);
    } else {
      means_[clip] = mean;
    }
  }

  std::vector<TaskScore> scores() const override {
    const at::Tensor centre = (training_sum_ / static_cast<double>(training_.size())).to(at::kFloat);
    double best_dev = 2;
    int64_t best_layer = 0;
    bool best_centred = false;
    for (int64_t l = 0; l < centre.size(0); ++l) {
      for (const bool centred : {true, false}) {
        const double rate = equal_error_rate(scored_trials(Split::kDev, l, centred, centre));
        if (rate >= best_dev) continue;
        best_dev = rate;
        best_layer = l;
        best_centred = centred;
      }
    }
    const auto trials = scored_trials(split_, best_layer, best_centred, centre);
    const Interval interval = bootstrap_equal_error_rate(
        trials, static_cast<int64_t>(sets_.at(split_).clips.size()), Rng(0).fork("bootstrap asv.eer"));
    return {{"asv.eer", 100 * equal_error_rate(trials), 100 * interval.low, 100 * interval.high,
             layer_name(best_layer, rule_) + (best_centred ? ", centred" : ", not centred")}};
  }

 private:
  std::vector<VerificationTrial> scored_trials(Split part, int64_t layer, bool centred,
                                               const at::Tensor& centre) const {
    const TrialSet& set = sets_.at(part);
    std::vector<at::Tensor> rows;
    for (const Speaking& clip : set.clips) rows.push_back(means_.at(clip.clip)[layer]);
    at::Tensor pooled = at::stack(rows);
    if (centred) pooled = pooled - centre[layer];
    const at::Tensor direction = pooled / pooled.norm(2, {1}, true).clamp_min(1e-12);
    const at::Tensor cosines = direction.mm(direction.t()).contiguous();
    const float* cosine = cosines.const_data_ptr<float>();
    std::vector<VerificationTrial> trials = set.trials;
    for (VerificationTrial& trial : trials) trial.score = cosine[trial.first * cosines.size(1) + trial.second];
    return trials;
  }

  std::map<Split, TrialSet> sets_;
  std::set<int64_t> training_, wanted_;
  std::string rule_;
  Split split_;
  at::Tensor training_sum_;              // [L, D] double
  std::map<int64_t, at::Tensor> means_;  // [L, D] by clip
};

}  // namespace

std::unique_ptr<Task> make_asv_task(const Manifest& manifest, const TaskOptions& options, Split split) {
  std::map<Split, TrialSet> sets;
  sets[Split::kDev];
  sets[split];
  std::set<int64_t> training;
  for (const auto& [index, speaker] : pick_speakers(manifest, options.sid_min_clips).clips) {
    const Clip& clip = manifest.clips[static_cast<size_t>(index)];
    if (clip.samples < kShortestTrialClip) continue;
    if (clip.split == Split::kTrain) training.insert(index);
    if (const auto set = sets.find(clip.split); set != sets.end()) {
      set->second.clips.push_back({index, speaker, clip.group});
    }
  }
  for (auto& [part, set] : sets) set.trials = draw_trials(set.clips, options.asv_trials, part);
  const bool complete = !training.empty() && std::ranges::all_of(sets, [](const auto& set) {
    return has_both_kinds(set.second.trials);
  });
  if (!complete) return nullptr;
  return std::make_unique<VerificationTask>(std::move(sets), std::move(training), options.layers, split);
}

}  // namespace concertina
