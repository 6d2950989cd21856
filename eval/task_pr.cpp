// Phone recognition: the label of the segment at each frame's centre, guessed by a linear probe.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/errors.h"
#include "eval/task.h"

namespace concertina {
namespace {

constexpr std::array<ProbeKind, 2> kKinds = {ProbeKind::kRidge, ProbeKind::kLda};
constexpr int64_t kNoLabel = -1;

bool is_pause(const std::string& label) {
  static const std::set<std::string> kPauses = {"pau", "#", "sil", "SIL", "sp", "_"};
  return kPauses.contains(label);
}

struct LabelledClip {
  Split split = Split::kTrain;
  std::vector<double> ends_s;  // ascending
  std::vector<int64_t> classes;

  int64_t at(double time_s) const {
    const auto end = std::ranges::upper_bound(ends_s, time_s);
    return end == ends_s.end() ? kNoLabel : classes[static_cast<size_t>(end - ends_s.begin())];
  }
};

struct PhoneData {
  std::map<int64_t, LabelledClip> clips;  // by index into the manifest
  std::vector<std::string> labels;        // sorted; a class is an index
};

std::vector<int64_t> phone_clips(const Manifest& manifest, int32_t every, Split split) {
  std::vector<int64_t> clips;
  int64_t training = 0;
  for (size_t i = 0; i < manifest.clips.size(); ++i) {
    const Clip& clip = manifest.clips[i];
    if (clip.phones.empty()) continue;
    const bool taken = clip.split == Split::kTrain
                           ? training++ % every == 0
                           : clip.split == Split::kDev || clip.split == split;
    if (taken) clips.push_back(static_cast<int64_t>(i));
  }
  return clips;
}

PhoneData read_phone_data(const Manifest& manifest, const std::vector<int64_t>& clips) {
  std::map<int64_t, std::vector<PhoneSegment>> segments;
  std::set<std::string> labels;
  for (const int64_t index : clips) {
    segments[index] = read_phones(manifest.phones_path(manifest.clips[static_cast<size_t>(index)]));
    for (const PhoneSegment& segment : segments[index]) labels.insert(segment.label);
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

// One choice open on dev: a probe on a layer.
struct Candidate {
  int64_t layer = 0;
  ProbeKind kind = ProbeKind::kRidge;
  double shrinkage = 0;
  ClipHits dev, scored, scored_speech;
};

class PhoneTask : public Task {
 public:
  PhoneTask(PhoneData data, std::string rule, Split split)
      : data_(std::move(data)), rule_(std::move(rule)), split_(split) {
    classes_ = static_cast<int64_t>(data_.labels.size());
    std::vector<int64_t> speech;
    std::ranges::transform(data_.labels, std::back_inserter(speech),
                           [](const std::string& label) { return is_pause(label) ? 0 : 1; });
    speech_class_ = at::tensor(speech, at::kLong);
  }

  bool wants(int64_t clip) const override { return data_.clips.contains(clip); }

  void add(int64_t index, const ClipFeatures& features) override {
    const LabelledClip& clip = data_.clips.at(index);
    const at::Tensor labels = frame_labels(clip, features);
    const at::Tensor known = labels.ne(kNoLabel).nonzero().squeeze(1);
    const at::Tensor layers = features.layers.index_select(1, known);
    const at::Tensor target = labels.index_select(0, known);
    if (clip.split == Split::kTrain) {
      train(layers, target);
    } else {
      test(clip.split, layers, target);
    }
  }

  std::vector<TaskScore> scores() const override {
    std::vector<TaskScore> scores;
    for (const ProbeKind kind : kKinds) {
      const Candidate* best = best_on_dev(kind);
      if (best == nullptr) continue;
      const std::string setting =
          fmt::format("{}, shrinkage {:g}", layer_name(best->layer, rule_), best->shrinkage);
      const std::string suffix = kind == ProbeKind::kLda ? "_lda" : "";
      scores.push_back(score_of("pr.frame_acc" + suffix, best->scored, setting));
      scores.push_back(score_of("pr.nonpause_acc" + suffix, best->scored_speech, setting));
    }
    return scores;
  }

 private:
  static at::Tensor frame_labels(const LabelledClip& clip, const ClipFeatures& features) {
    std::vector<int64_t> classes;
    for (int64_t t = 0; t < features.layers.size(1); ++t) {
      classes.push_back(clip.at(features.centre_s + static_cast<double>(t) * features.period_s));
    }
    return at::tensor(classes, at::kLong);
  }

  void train(const at::Tensor& layers, const at::Tensor& target) {
    CONCERTINA_ASSERT(candidates_.empty());
    while (static_cast<int64_t>(sums_.size()) < layers.size(0)) sums_.emplace_back(classes_);
    for (size_t l = 0; l < sums_.size(); ++l) sums_[l].add(layers[static_cast<int64_t>(l)], target);
  }

  void solve() {
    for (size_t l = 0; l < sums_.size(); ++l) {
      std::vector<at::Tensor> weights, biases;
      for (const ProbeKind kind : kKinds) {
        for (LinearProbe& probe : solve_probes(sums_[l], kind, default_shrinkages(kind))) {
          weights.push_back(std::move(probe.weight));
          biases.push_back(std::move(probe.bias));
          candidates_.push_back({static_cast<int64_t>(l), kind, probe.shrinkage, {}, {}, {}});
        }
      }
      banks_.push_back({0, at::cat(weights, 1), at::cat(biases)});
    }
    sums_.clear();
  }

  void test(Split part, const at::Tensor& layers, const at::Tensor& target) {
    if (candidates_.empty()) solve();
    const at::Tensor speech = speech_class_.index_select(0, target);
    const at::Tensor counted = at::stack({at::ones_like(speech), speech}).to(at::kFloat);  // [2, n]
    const at::Tensor totals = counted.sum(1);
    const size_t per_layer = candidates_.size() / banks_.size();
    for (size_t l = 0; l < banks_.size(); ++l) {
      const at::Tensor guesses = banks_[l]
                                     .scores(layers[static_cast<int64_t>(l)])
                                     .view({target.size(0), -1, classes_})
                                     .argmax(2);
      const at::Tensor hits =
          counted.mm(guesses.eq(target.unsqueeze(1)).to(at::kFloat));  // [2, candidates]
      for (size_t c = 0; c < per_layer; ++c) {
        record(candidates_[l * per_layer + c], part, hits.select(1, static_cast<int64_t>(c)),
               totals);
      }
    }
  }

  // `hits`, `totals`: of all frames and of those that are not pauses.
  void record(Candidate& candidate, Split part, const at::Tensor& hits,
              const at::Tensor& totals) const {
    const auto push = [&](ClipHits& clips, int64_t row) {
      clips.hits.push_back(hits[row].item<double>());
      clips.totals.push_back(totals[row].item<double>());
    };
    if (part == Split::kDev) push(candidate.dev, 0);
    if (part == split_) {
      push(candidate.scored, 0);
      push(candidate.scored_speech, 1);
    }
  }

  const Candidate* best_on_dev(ProbeKind kind) const {
    const Candidate* best = nullptr;
    for (const Candidate& candidate : candidates_) {
      if (candidate.kind != kind) continue;
      if (best == nullptr || candidate.dev.rate() > best->dev.rate()) best = &candidate;
    }
    return best;
  }

  PhoneData data_;
  std::string rule_;
  Split split_;
  int64_t classes_ = 0;
  at::Tensor speech_class_;      // [classes] 1 where the class is no pause
  std::vector<ProbeSums> sums_;  // one for each layer
  std::vector<LinearProbe>
      banks_;  // one for each layer: its candidates side by side, so that one product scores all
  std::vector<Candidate> candidates_;
};

}  // namespace

std::unique_ptr<Task> make_pr_task(const Manifest& manifest, const TaskOptions& options,
                                   Split split) {
  PhoneData data = read_phone_data(manifest, phone_clips(manifest, options.pr_every, split));
  const auto has = [&](Split part) {
    return std::ranges::any_of(data.clips,
                               [&](const auto& clip) { return clip.second.split == part; });
  };
  if (!has(Split::kTrain) || !has(Split::kDev) || !has(split)) return nullptr;
  return std::make_unique<PhoneTask>(std::move(data), options.layers, split);
}

}  // namespace concertina
