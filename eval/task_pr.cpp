// Phone recognition: the label of the segment at each frame's centre, guessed by a linear probe.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/errors.h"
#include "eval/folds.h"
#include "eval/phone_data.h"
#include "speech/phones.h"

namespace concertina {
namespace {

constexpr std::array<ProbeKind, 2> kPhoneProbes = {ProbeKind::kRidge, ProbeKind::kLda};

struct PhoneTask : Task {
  PhoneTask(PhoneData all, const TaskOptions& options);
  bool wants(int64_t clip) const override { return data.clips.contains(clip); }
  std::string trained_metric() const override { return "pr.frame_acc_wsum"; }
  int64_t class_count() const override { return classes; }
  std::string content() const override { return fmt::format("{} phones", classes); }
  ClipLabels labels(int64_t clip, const ClipFeatures& features) const override {
    const PhoneClip& labelled = data.clips.at(clip);
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
    const PhoneClip& clip = task_.data.clips.at(index);
    const at::Tensor labels = clip.frame_classes(features);
    const at::Tensor known = labels.ne(kNoPhone).nonzero().squeeze(1);
    const at::Tensor layers = features.layers.index_select(1, known);
    const at::Tensor target = labels.index_select(0, known);
    if (clip.split == Split::kTrain) {
      train(clip.fold, layers, target);
    } else {
      test(layers, target);
    }
  }

  void fit() override {
    chosen_ = choose_probes(
        kPhoneProbes, static_cast<int64_t>(sums_.size()),
        [&](int64_t layer) { return std::move(sums_[static_cast<size_t>(layer)]); }, task_.width);
    sums_.clear();
    all_.resize(chosen_.size());
    speech_.resize(chosen_.size());
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

  void test(const at::Tensor& layers, const at::Tensor& target) {
    CONCERTINA_ASSERT(!chosen_.empty());
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
  PhoneData data = read_phone_data(manifest, options, split);
  if (std::string missing = missing_phones(data, split); !missing.empty())
    return {nullptr, std::move(missing)};
  return {std::make_unique<PhoneTask>(std::move(data), options), ""};
}

}  // namespace

const TaskKind kPhoneTask = {.name = "pr",
                             .labels = "phone labels",
                             .prepare = prepare_pr,
                             .facts = phone_facts,
                             .test_facts = test_phone_facts,
                             .same_text_leaks = true};

}  // namespace concertina
