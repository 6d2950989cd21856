// Speaker verification: cosine of mean-pooled clips, pairs always from different groups.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/errors.h"
#include "eval/task.h"
#include "eval/task_data.h"

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

// Trials of one split and the pooled clips they compare.
struct TrialSet {
  std::vector<Speaking> clips;
  std::vector<VerificationTrial> trials;
};

// What is done to a pooled clip before the cosine, by the training clips' mean and spread; chosen
// by trials among them.
enum class Pooling { kPlain, kCentred, kStandardised };

const char* name_of(Pooling pooling) {
  if (pooling == Pooling::kPlain) return "plain";
  return pooling == Pooling::kCentred ? "centred" : "standardised";
}

struct Setting {
  int64_t layer = 0;
  Pooling pooling = Pooling::kCentred;
};

struct VerificationTask : Task {
  VerificationTask(TrialSet of_train, TrialSet of_split, LayerRule layer_rule)
      : training(std::move(of_train)), scored(std::move(of_split)), rule(layer_rule) {
    for (const TrialSet* set : {&training, &scored}) {
      for (const Speaking& clip : set->clips) wanted.insert(clip.clip);
    }
  }
  bool wants(int64_t clip) const override { return wanted.contains(clip); }
  std::unique_ptr<TaskRun> start() const override;

  TrialSet training, scored;
  LayerRule rule;
  std::set<int64_t> wanted;
};

// Mean-pooled clips of one set, [n, L, D], in the order of its clips.
at::Tensor stacked(const TrialSet& set, const std::map<int64_t, at::Tensor>& means) {
  std::vector<at::Tensor> rows;
  for (const Speaking& clip : set.clips) rows.push_back(means.at(clip.clip));
  return at::stack(rows);
}

struct PooledMoments {
  at::Tensor mean, scale;  // [L, D] float, of the training clips
  explicit PooledMoments(const at::Tensor& training) {
    const at::Tensor clips = training.to(at::kDouble);
    const at::Tensor average = clips.mean(0);
    const at::Tensor variance = clips.square().mean(0) - average.square();
    mean = average.to(at::kFloat);
    scale = variance.clamp_min(1e-12).rsqrt().to(at::kFloat);
  }
};

at::Tensor pooled(const at::Tensor& clips, const PooledMoments& moments, const Setting& setting) {
  const at::Tensor plain = clips.select(1, setting.layer);
  if (setting.pooling == Pooling::kPlain) return plain;
  const at::Tensor centred = plain - moments.mean[setting.layer];
  return setting.pooling == Pooling::kCentred ? centred : centred * moments.scale[setting.layer];
}

// `set`'s trials with the cosine of their clips as score.
std::vector<VerificationTrial> compared(const TrialSet& set, const at::Tensor& clips) {
  std::vector<VerificationTrial> trials = set.trials;
  std::vector<int64_t> first, second;
  for (const VerificationTrial& trial : trials) {
    first.push_back(trial.first);
    second.push_back(trial.second);
  }
  const at::Tensor direction = clips / clips.norm(2, {1}, true).clamp_min(1e-12);
  const at::Tensor cosines = (direction.index_select(0, at::tensor(first, at::kLong)) *
                              direction.index_select(0, at::tensor(second, at::kLong)))
                                 .sum(1)
                                 .contiguous();
  const float* cosine = cosines.const_data_ptr<float>();
  for (size_t i = 0; i < trials.size(); ++i) trials[i].score = cosine[i];
  return trials;
}

class VerificationRun : public TaskRun {
 public:
  explicit VerificationRun(const VerificationTask& task) : task_(task) {}

  void add(int64_t clip, const ClipFeatures& features) override {
    means_[clip] = features.layers.mean(1);
  }

  std::vector<TaskScore> scores(Intervals intervals) const override {
    const at::Tensor training = stacked(task_.training, means_);
    const PooledMoments moments(training);
    const Setting best = chosen(training, moments);
    const auto trials =
        compared(task_.scored, pooled(stacked(task_.scored, means_), moments, best));
    const std::string setting =
        fmt::format("{}, {}, chosen on {} trials of train", layer_name(best.layer, task_.rule),
                    name_of(best.pooling), task_.training.trials.size());
    TaskScore rate{
        .metric = "asv.eer", .value = 100 * equal_error_rate(trials), .setting = setting};
    TaskScore cost{
        .metric = "asv.min_dcf", .value = min_detection_cost(trials), .setting = setting};
    if (intervals == Intervals::kBootstrap) {
      const auto [of_rate, of_cost] =
          bootstrap_verification(trials, static_cast<int64_t>(task_.scored.clips.size()),
                                 Rng(0).fork("bootstrap asv.eer"));
      rate.low = 100 * of_rate.low;
      rate.high = 100 * of_rate.high;
      cost.low = of_cost.low;
      cost.high = of_cost.high;
    }
    return {rate, cost};
  }

 private:
  Setting chosen(const at::Tensor& training, const PooledMoments& moments) const {
    double least = 2;
    Setting best;
    for (int64_t l = 0; l < training.size(1); ++l) {
      for (const Pooling pooling : {Pooling::kCentred, Pooling::kStandardised, Pooling::kPlain}) {
        const Setting setting{l, pooling};
        const double rate =
            equal_error_rate(compared(task_.training, pooled(training, moments, setting)));
        if (rate >= least) continue;
        least = rate;
        best = setting;
      }
    }
    return best;
  }

  const VerificationTask& task_;
  std::map<int64_t, at::Tensor> means_;  // [L, D] by clip
};

std::unique_ptr<TaskRun> VerificationTask::start() const {
  return std::make_unique<VerificationRun>(*this);
}

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

std::string what_is_missing(const TrialSet& set, Split split) {
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

PreparedTask prepare_asv(const Manifest& manifest, const TaskOptions& options, Split split) {
  const SpeakerClips picked = pick_speakers(manifest, options.sid_min_clips);
  if (!picked.missing.empty()) return {nullptr, picked.missing};
  TrialSet training = trials_of(manifest, picked, options, Split::kTrain);
  TrialSet scored = trials_of(manifest, picked, options, split);
  for (const auto& [set, part] : {std::pair(&training, Split::kTrain), std::pair(&scored, split)}) {
    if (std::string missing = what_is_missing(*set, part); !missing.empty())
      return {nullptr, std::move(missing)};
  }
  return {
      std::make_unique<VerificationTask>(std::move(training), std::move(scored), options.layers),
      ""};
}

Facts asv_facts(const Manifest& manifest, const TaskOptions& options) {
  Facts facts = speaker_facts(manifest, options);
  facts["tasks.asv_trials"] = fmt::format("{}", options.asv_trials);
  return facts;
}

}  // namespace

const TaskKind kVerificationTask = {.name = "asv",
                                    .labels = "several speakers with several groups each",
                                    .prepare = prepare_asv,
                                    .facts = asv_facts,
                                    .test_facts = nullptr,
                                    .same_text_leaks = false};

}  // namespace concertina
