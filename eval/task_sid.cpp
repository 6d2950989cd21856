// Speaker identification: mean and standard deviation over time of each clip, classified by a
// linear probe. Closed set: clips of speakers that train does not have are left out.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/errors.h"
#include "core/log.h"
#include "eval/folds.h"
#include "eval/task.h"

namespace concertina {
namespace {

struct SpeakerClip {
  int64_t speaker = 0;
  bool training = false;
  int32_t fold = 0;  // of training clips
};
using SpeakerClipMap = std::map<int64_t, SpeakerClip>;  // by index into the manifest

// Pooled clips of one part.
struct Pooled {
  std::vector<at::Tensor> clips;  // [L, 2 D] each
  std::vector<int64_t> speakers;
  std::vector<int32_t> folds;

  at::Tensor layer(int64_t l) const {
    std::vector<at::Tensor> rows;
    for (const at::Tensor& clip : clips) rows.push_back(clip[l]);
    return at::stack(rows);
  }
  at::Tensor labels() const { return at::tensor(speakers, at::kLong); }

  FoldSums fold_sums(int64_t l, int64_t classes) const {
    const at::Tensor features = layer(l), target = labels();
    const at::Tensor fold_of = at::tensor(folds, at::kInt);
    FoldSums sums(classes);
    for (int32_t fold = 0; fold < kFolds; ++fold) {
      const at::Tensor rows = fold_of.eq(fold).nonzero().squeeze(1);
      sums.add(fold, features.index_select(0, rows), target.index_select(0, rows));
    }
    return sums;
  }
};

ClipHits hits_of(const LinearProbe& probe, const at::Tensor& features, const at::Tensor& labels) {
  const at::Tensor right = probe.scores(features).argmax(1).eq(labels).to(at::kDouble).contiguous();
  const double* first = right.const_data_ptr<double>();
  std::vector<double> hits(first, first + right.numel());
  return {hits, std::vector<double>(hits.size(), 1.0)};
}

struct SpeakerTask : Task {
  SpeakerTask(SpeakerClipMap all, int64_t count, LayerRule layer_rule)
      : clips(std::move(all)), speakers(count), rule(layer_rule) {}
  bool wants(int64_t clip) const override { return clips.contains(clip); }
  std::string trained_metric() const override { return "sid.acc_wsum"; }
  int64_t class_count() const override { return speakers; }
  ClipLabels labels(int64_t index, const ClipFeatures&) const override {
    const SpeakerClip& clip = clips.at(index);
    return {clip.training, clip.fold, at::tensor(std::vector<int64_t>{clip.speaker}, at::kLong)};
  }
  std::unique_ptr<TaskRun> start() const override;

  SpeakerClipMap clips;
  int64_t speakers;
  LayerRule rule;
};

class SpeakerRun : public TaskRun {
 public:
  explicit SpeakerRun(const SpeakerTask& task) : task_(task) {}

  void add(int64_t index, const ClipFeatures& features) override {
    const SpeakerClip& clip = task_.clips.at(index);
    Pooled& pooled = clip.training ? training_ : scored_;
    const at::Tensor mean = features.layers.mean(1);
    // Two plain means: ATen's own deviation walks the frames one by one.
    const at::Tensor spread =
        (features.layers.square().mean(1) - mean.square()).clamp_min(0).sqrt();
    pooled.clips.push_back(at::cat({mean, spread}, 1));
    pooled.speakers.push_back(clip.speaker);
    pooled.folds.push_back(clip.fold);
  }

  std::vector<TaskScore> scores(Intervals intervals) const override {
    constexpr std::array<ProbeKind, 2> kKinds = {ProbeKind::kLda, ProbeKind::kRidge};
    const std::vector<ChosenProbe> chosen =
        choose_probes(kKinds, training_.clips.front().size(0),
                      [&](int64_t layer) { return training_.fold_sums(layer, task_.speakers); });
    std::vector<TaskScore> scores;
    for (const ChosenProbe& each : chosen) {
      const ClipHits hits = hits_of(each.probe, scored_.layer(each.layer), scored_.labels());
      scores.push_back(score_of(scores.empty() ? "sid.acc" : "sid.acc_ridge", hits,
                                each.setting(layer_name(each.layer, task_.rule)), intervals));
    }
    return scores;
  }

 private:
  const SpeakerTask& task_;
  Pooled training_, scored_;
};

std::unique_ptr<TaskRun> SpeakerTask::start() const { return std::make_unique<SpeakerRun>(*this); }

// Speakers by split, of the clips that are long enough.
struct SpeakerSplits {
  SpeakerClipMap clips;
  std::set<int64_t> in_train, in_scored;
};

SpeakerSplits split_speakers(const Manifest& manifest, const SpeakerClips& picked, Split split) {
  SpeakerSplits speakers;
  for (const auto& [index, speaker] : picked.clips) {
    const Clip& clip = manifest.clips[static_cast<size_t>(index)];
    const bool training = clip.split == Split::kTrain;
    if (clip.samples < kShortestClip || (!training && clip.split != split)) continue;
    speakers.clips[index] = {speaker, training, 0};
    (training ? speakers.in_train : speakers.in_scored).insert(speaker);
  }
  return speakers;
}

std::string what_is_missing(const SpeakerSplits& speakers, const SpeakerClips& picked,
                            Split split) {
  if (speakers.in_train.empty() || speakers.in_scored.empty())
    return fmt::format("none of the {} speakers of '{}' has a clip in split {} (column 'split')",
                       picked.speakers.size(), picked.source,
                       split_name(speakers.in_train.empty() ? Split::kTrain : split));
  const bool known = std::ranges::any_of(speakers.in_scored,
                                         [&](int64_t s) { return speakers.in_train.contains(s); });
  if (!known)
    return fmt::format(
        "no speaker of split {} has a clip in split train, where speakers are learnt (columns "
        "'speaker' and 'split')",
        split_name(split));
  if (speakers.in_train.size() < 2)
    return fmt::format("'{}' is the only speaker in split train (columns 'speaker' and 'split')",
                       picked.speakers[static_cast<size_t>(*speakers.in_train.begin())]);
  return "";
}

void leave_out_unknown(SpeakerSplits& speakers, Split split) {
  const auto unknown = std::ranges::count_if(
      speakers.in_scored, [&](int64_t s) { return !speakers.in_train.contains(s); });
  if (unknown == 0) return;
  log_info("task sid: {} of the {} speakers of split {} have no clip in train and are left out",
           unknown, speakers.in_scored.size(), split_name(split));
  std::erase_if(speakers.clips,
                [&](const auto& clip) { return !speakers.in_train.contains(clip.second.speaker); });
}

PreparedTask prepare(const Manifest& manifest, const TaskOptions& options, Split split) {
  const SpeakerClips picked = pick_speakers(manifest, options.sid_min_clips);
  if (!picked.missing.empty()) return {nullptr, picked.missing};
  SpeakerSplits speakers = split_speakers(manifest, picked, split);
  if (std::string missing = what_is_missing(speakers, picked, split); !missing.empty())
    return {nullptr, std::move(missing)};
  leave_out_unknown(speakers, split);
  std::vector<int64_t> training;
  for (const auto& [index, clip] : speakers.clips) {
    if (clip.training) training.push_back(index);
  }
  const std::vector<int32_t> folds = deal_folds(manifest, training);
  for (size_t i = 0; i < training.size(); ++i) speakers.clips.at(training[i]).fold = folds[i];
  return {
      std::make_unique<SpeakerTask>(std::move(speakers.clips),
                                    static_cast<int64_t>(picked.speakers.size()), options.layers),
      ""};
}

}  // namespace

const TaskKind kSpeakerTask = {"sid", "several speakers with several groups each", prepare,
                               speaker_facts, nullptr};

}  // namespace concertina
