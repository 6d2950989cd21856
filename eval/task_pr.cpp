// Phone recognition: the label of the segment at each frame's centre, guessed by a linear probe.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "core/errors.h"
#include "core/hash.h"
#include "eval/folds.h"
#include "eval/task.h"
#include "eval/task_data.h"

namespace concertina {
namespace {

constexpr std::array<ProbeKind, 2> kPhoneProbes = {ProbeKind::kRidge, ProbeKind::kLda};
constexpr int64_t kNoLabel = -1;

bool is_pause(const std::string& label) {
  static const std::set<std::string> kPauses = {"pau", "#", "sil", "SIL", "sp", "_"};
  return kPauses.contains(label);
}

struct LabelledClip {
  Split split = Split::kTrain;
  int32_t fold = 0;            // of training clips
  std::vector<double> ends_s;  // ascending
  std::vector<int64_t> classes;

  int64_t at(double time_s) const {
    const auto end = std::ranges::upper_bound(ends_s, time_s);
    return end == ends_s.end() ? kNoLabel : classes[static_cast<size_t>(end - ends_s.begin())];
  }
  at::Tensor frame_classes(const ClipFeatures& features) const {  // [T] int64
    std::vector<int64_t> frames;
    for (int64_t t = 0; t < features.layers.size(1); ++t)
      frames.push_back(at(features.centre_s + static_cast<double>(t) * features.period_s));
    return at::tensor(frames, at::kLong);
  }
};

struct PhoneData {
  std::map<int64_t, LabelledClip> clips;  // by index into the manifest
  std::vector<std::string> labels;        // sorted; a class is an index

  std::vector<int64_t> of(Split split) const {
    std::vector<int64_t> found;
    for (const auto& [index, clip] : clips) {
      if (clip.split == split) found.push_back(index);
    }
    return found;
  }
  std::set<int64_t> classes_of(Split split) const {
    std::set<int64_t> classes;
    for (const int64_t index : of(split)) {
      const LabelledClip& clip = clips.at(index);
      classes.insert(clip.classes.begin(), clip.classes.end());
    }
    return classes;
  }
};

// Of train every n-th clip with labels, of `split` all; then as many as the fidelity says.
std::vector<int64_t> phone_clips(const Manifest& manifest, const TaskOptions& options,
                                 Split split) {
  std::vector<ClipClass> training, scored;
  int64_t labelled = 0;
  for (size_t i = 0; i < manifest.clips.size(); ++i) {
    const Clip& clip = manifest.clips[i];
    if (clip.phones.empty()) continue;
    const bool in_train = clip.split == Split::kTrain;
    const bool taken = in_train ? labelled++ % options.pr_every == 0 : clip.split == split;
    if (taken && clip.samples >= kShortestClip)
      (in_train ? training : scored).emplace_back(static_cast<int64_t>(i), 0);
  }
  std::vector<int64_t> clips;
  for (const auto& [index, same] :
       clips_at_fidelity(manifest, training, options.fidelity, kLeastPhoneTraining))
    clips.push_back(index);
  for (const auto& [index, same] :
       clips_at_fidelity(manifest, scored, options.fidelity, kLeastPhoneScored))
    clips.push_back(index);
  return clips;
}

// Clips without a label for their first frames are left out.
PhoneData read_phone_data(const Manifest& manifest, const std::vector<int64_t>& clips) {
  constexpr double kFirstFrames_s = static_cast<double>(kShortestClip) / kTaskSampleRate;
  std::map<int64_t, std::vector<PhoneSegment>> segments;
  std::set<std::string> labels;
  for (const int64_t index : clips) {
    std::vector<PhoneSegment> phones =
        read_phones(manifest.phones_path(manifest.clips[static_cast<size_t>(index)]));
    if (phones.empty() || phones.back().end_s < kFirstFrames_s) continue;
    for (const PhoneSegment& segment : phones) labels.insert(segment.label);
    segments[index] = std::move(phones);
  }
  PhoneData data{{}, {labels.begin(), labels.end()}};
  for (const auto& [index, phones] : segments) {
    LabelledClip& clip = data.clips[index];
    clip.split = manifest.clips[static_cast<size_t>(index)].split;
    for (const PhoneSegment& segment : phones) {
      clip.ends_s.push_back(segment.end_s);
      clip.classes.push_back(std::ranges::lower_bound(data.labels, segment.label) -
                             data.labels.begin());
    }
  }
  return data;
}

std::string what_is_missing(const PhoneData& data, Split split) {
  for (const Split part : {Split::kTrain, split}) {
    if (data.of(part).empty())
      return fmt::format("no clip of split {} has phone labels (columns 'phones' and 'split')",
                         split_name(part));
  }
  if (data.of(Split::kTrain).size() < 2)
    return "split train has one clip with phone labels, and two are needed (columns 'phones' and "
           "'split', option pr_every)";
  const std::set<int64_t> training = data.classes_of(Split::kTrain);
  if (training.size() < 2)
    return fmt::format("all labels of split train are '{}' (column 'phones')",
                       data.labels[static_cast<size_t>(*training.begin())]);
  const std::set<int64_t> scored = data.classes_of(split);
  const bool known = std::ranges::any_of(scored, [&](int64_t c) { return training.contains(c); });
  if (!known)
    return fmt::format("no phone of split {} is in split train (column 'phones')",
                       split_name(split));
  return "";
}

struct PhoneTask : Task {
  PhoneTask(PhoneData all, const TaskOptions& options);
  bool wants(int64_t clip) const override { return data.clips.contains(clip); }
  std::string trained_metric() const override { return "pr.frame_acc_wsum"; }
  int64_t class_count() const override { return classes; }
  std::string content() const override { return fmt::format("{} phones", classes); }
  ClipLabels labels(int64_t clip, const ClipFeatures& features) const override {
    const LabelledClip& labelled = data.clips.at(clip);
    return {labelled.split == Split::kTrain, labelled.fold, labelled.frame_classes(features)};
  }
  std::unique_ptr<TaskRun> start() const override;

  PhoneData data;
  LayerRule rule;
  int64_t width = 0;  // TaskOptions::probe_width
  int64_t classes = 0;
  int64_t every = 1;        // of training frames, kept to choose the probes' settings on
  at::Tensor speech_class;  // [classes] 1 where the class is no pause
};

class PhoneRun : public TaskRun {
 public:
  explicit PhoneRun(const PhoneTask& task) : task_(task) {}

  void add(int64_t index, const ClipFeatures& features) override {
    const LabelledClip& clip = task_.data.clips.at(index);
    const at::Tensor labels = clip.frame_classes(features);
    const at::Tensor known = labels.ne(kNoLabel).nonzero().squeeze(1);
    const at::Tensor layers = features.layers.index_select(1, known);
    const at::Tensor target = labels.index_select(0, known);
    if (clip.split == Split::kTrain) {
      train(clip.fold, layers, target);
    } else {
      test(layers, target);
    }
  }

  std::vector<TaskScore> scores(Intervals intervals) const override {
    std::vector<TaskScore> scores;
    for (size_t k = 0; k < chosen_.size(); ++k) {
      const bool lda = kPhoneProbes[k % kPhoneProbes.size()] == ProbeKind::kLda;
      const bool matched = k >= kPhoneProbes.size();
      const std::string suffix = std::string(lda ? "_lda" : "") + (matched ? "_matched" : "");
      scores.push_back(
          score_of("pr.frame_acc" + suffix, all_[k], chosen_[k], task_.rule, intervals));
      if (matched) continue;
      scores.push_back(
          score_of("pr.nonpause_acc" + suffix, speech_[k], chosen_[k], task_.rule, intervals));
      scores.back().layers.clear();  // the settings are those of all frames
    }
    return scores;
  }

 private:
  void train(int32_t fold, const at::Tensor& layers, const at::Tensor& target) {
    CONCERTINA_ASSERT(chosen_.empty());
    while (static_cast<int64_t>(sums_.size()) < layers.size(0))
      sums_.emplace_back(task_.classes, task_.every);
    for (size_t l = 0; l < sums_.size(); ++l)
      sums_[l].add(fold, layers[static_cast<int64_t>(l)], target);
  }

  void choose() {
    chosen_ = choose_probes(
        kPhoneProbes, static_cast<int64_t>(sums_.size()),
        [&](int64_t layer) { return std::move(sums_[static_cast<size_t>(layer)]); }, task_.width);
    sums_.clear();
    all_.resize(chosen_.size());
    speech_.resize(chosen_.size());
  }

  void test(const at::Tensor& layers, const at::Tensor& target) {
    if (chosen_.empty()) choose();
    const at::Tensor speech = task_.speech_class.index_select(0, target);
    const at::Tensor counted = at::stack({at::ones_like(speech), speech}).to(at::kFloat);  // [2, n]
    const at::Tensor totals = counted.sum(1);
    for (size_t k = 0; k < chosen_.size(); ++k) {
      const at::Tensor guesses = chosen_[k].probe.scores(layers[chosen_[k].layer]).argmax(1);
      const at::Tensor hits = counted.mv(guesses.eq(target).to(at::kFloat));  // [2]
      push(all_[k], hits[0], totals[0]);
      push(speech_[k], hits[1], totals[1]);
    }
  }

  static void push(ClipHits& clips, const at::Tensor& hits, const at::Tensor& total) {
    clips.hits.push_back(hits.item<double>());
    clips.totals.push_back(total.item<double>());
  }

  const PhoneTask& task_;
  std::vector<FoldSums> sums_;       // one for each layer
  std::vector<ChosenProbe> chosen_;  // in the order of kPhoneProbes, then those on projections
  std::vector<ClipHits> all_, speech_;
};

PhoneTask::PhoneTask(PhoneData all, const TaskOptions& options)
    : data(std::move(all)),
      rule(options.layers),
      width(options.probe_width),
      classes(static_cast<int64_t>(data.labels.size())) {
  std::vector<int64_t> speech;
  std::ranges::transform(data.labels, std::back_inserter(speech),
                         [](const std::string& label) { return is_pause(label) ? 0 : 1; });
  speech_class = at::tensor(speech, at::kLong);
  double seconds = 0;
  for (const auto& [index, clip] : data.clips) {
    if (clip.split == Split::kTrain) seconds += clip.ends_s.back();
  }
  constexpr double kFramesPerSecond = 50;
  every = std::max<int64_t>(
      1, std::llround(seconds * kFramesPerSecond / static_cast<double>(kFolds * kHeldOutFrames)));
}

std::unique_ptr<TaskRun> PhoneTask::start() const { return std::make_unique<PhoneRun>(*this); }

PreparedTask prepare_pr(const Manifest& manifest, const TaskOptions& options, Split split) {
  PhoneData data = read_phone_data(manifest, phone_clips(manifest, options, split));
  if (std::string missing = what_is_missing(data, split); !missing.empty())
    return {nullptr, std::move(missing)};
  const std::vector<int64_t> training = data.of(Split::kTrain);
  const std::vector<int32_t> folds = deal_folds(manifest, training);
  for (size_t i = 0; i < training.size(); ++i) data.clips.at(training[i]).fold = folds[i];
  return {std::make_unique<PhoneTask>(std::move(data), options), ""};
}

Facts pr_facts(const Manifest& manifest, const TaskOptions& options) {
  const std::string data = hash_of_clips(manifest, [&](const Clip& clip) {
    if (clip.phones.empty() || clip.split == Split::kTest) return std::string();
    return fmt::format("{}\t{}\t{}\t{}\t{}", audio_of(clip), clip.source, clip.speaker, clip.group,
                       sha256_file(manifest.phones_path(clip)));
  });
  return {{"data", data}, {"tasks.pr_every", fmt::format("{}", options.pr_every)}};
}

Facts test_facts(const Manifest& manifest) {
  return {{"test_phones", hash_of_clips(manifest, [&](const Clip& clip) {
             if (clip.split != Split::kTest || clip.phones.empty()) return std::string();
             return fmt::format("{}\t{}", clip.id, sha256_file(manifest.phones_path(clip)));
           })}};
}

}  // namespace

const TaskKind kPhoneTask = {.name = "pr",
                             .labels = "phone labels",
                             .prepare = prepare_pr,
                             .facts = pr_facts,
                             .test_facts = test_facts,
                             .same_text_leaks = true};

}  // namespace concertina
