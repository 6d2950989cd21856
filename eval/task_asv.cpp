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
  int64_t clip = 0;  // index into the manifest
  int64_t speaker = 0;
  std::string group;
};

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

bool has_both_kinds(const std::vector<VerificationTrial>& trials) {
  return std::ranges::any_of(trials, &VerificationTrial::target) &&
         !std::ranges::all_of(trials, &VerificationTrial::target);
}

// Trials of one split and the pooled clips they compare.
struct TrialSet {
  std::vector<Speaking> clips;
  std::vector<VerificationTrial> trials;
};

// What is done to a pooled clip before the cosine, by the training clips' mean and spread; chosen
// on dev.
enum class Pooling { kPlain, kCentred, kStandardised };

const char* name_of(Pooling pooling) {
  if (pooling == Pooling::kPlain) return "plain";
  return pooling == Pooling::kCentred ? "centred" : "standardised";
}

struct Setting {
  int64_t layer = 0;
  Pooling pooling = Pooling::kCentred;
};

class VerificationTask : public Task {
 public:
  VerificationTask(std::map<Split, TrialSet> sets, std::set<int64_t> training, std::string rule,
                   Split split)
      : sets_(std::move(sets)),
        training_(std::move(training)),
        rule_(std::move(rule)),
        split_(split) {
    for (const auto& [part, set] : sets_) {
      for (const Speaking& clip : set.clips) wanted_.insert(clip.clip);
    }
    wanted_.insert(training_.begin(), training_.end());
  }

  bool wants(int64_t clip) const override { return wanted_.contains(clip); }

  void add(int64_t clip, const ClipFeatures& features) override {
    const at::Tensor mean = features.layers.mean(1);
    if (!training_.contains(clip)) {
      means_[clip] = mean;
      return;
    }
    const at::Tensor moments = at::stack({mean, mean.square()}).to(at::kDouble);
    training_sums_ = training_sums_.defined() ? training_sums_ + moments : moments;
  }

  std::vector<TaskScore> scores() const override {
    double best_dev = 2;
    Setting best;
    for (int64_t l = 0; l < training_sums_.size(1); ++l) {
      for (const Pooling pooling : {Pooling::kCentred, Pooling::kStandardised, Pooling::kPlain}) {
        const double rate = equal_error_rate(scored_trials(Split::kDev, {l, pooling}));
        if (rate >= best_dev) continue;
        best_dev = rate;
        best = {l, pooling};
      }
    }
    const auto trials = scored_trials(split_, best);
    const Interval interval =
        bootstrap_equal_error_rate(trials, static_cast<int64_t>(sets_.at(split_).clips.size()),
                                   Rng(0).fork("bootstrap asv.eer"));
    return {{"asv.eer", 100 * equal_error_rate(trials), 100 * interval.low, 100 * interval.high,
             fmt::format("{}, {}", layer_name(best.layer, rule_), name_of(best.pooling))}};
  }

 private:
  at::Tensor pooled(Split part, const Setting& setting) const {
    std::vector<at::Tensor> rows;
    for (const Speaking& clip : sets_.at(part).clips)
      rows.push_back(means_.at(clip.clip)[setting.layer]);
    const at::Tensor plain = at::stack(rows);
    if (setting.pooling == Pooling::kPlain) return plain;
    const at::Tensor moments =
        training_sums_.select(1, setting.layer) / static_cast<double>(training_.size());
    const at::Tensor centred = plain - moments[0].to(at::kFloat);
    if (setting.pooling == Pooling::kCentred) return centred;
    const at::Tensor variance = (moments[1] - moments[0].square()).clamp_min(1e-12);
    return centred * variance.rsqrt().to(at::kFloat);
  }

  std::vector<VerificationTrial> scored_trials(Split part, const Setting& setting) const {
    const at::Tensor clips = pooled(part, setting);
    const at::Tensor direction = clips / clips.norm(2, {1}, true).clamp_min(1e-12);
    const at::Tensor cosines = direction.mm(direction.t()).contiguous();
    const float* cosine = cosines.const_data_ptr<float>();
    std::vector<VerificationTrial> trials = sets_.at(part).trials;
    for (VerificationTrial& trial : trials)
      trial.score = cosine[trial.first * cosines.size(1) + trial.second];
    return trials;
  }

  std::map<Split, TrialSet> sets_;
  std::set<int64_t> training_, wanted_;
  std::string rule_;
  Split split_;
  at::Tensor training_sums_;  // [2, L, D] double: of the clips' means and of their squares
  std::map<int64_t, at::Tensor> means_;  // [L, D] by clip
};

}  // namespace

std::unique_ptr<Task> make_asv_task(const Manifest& manifest, const TaskOptions& options,
                                    Split split) {
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
  return std::make_unique<VerificationTask>(std::move(sets), std::move(training), options.layers,
                                            split);
}

}  // namespace concertina
