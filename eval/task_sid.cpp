// Speaker identification: mean and standard deviation over time of each clip, told apart by a
// linear probe.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/errors.h"
#include "eval/task.h"

namespace concertina {
namespace {

// Pooled clips of one split.
struct Pooled {
  std::vector<at::Tensor> clips;  // [L, 2 D] each
  std::vector<int64_t> speakers;

  at::Tensor layer(int64_t l) const {
    std::vector<at::Tensor> rows;
    for (const at::Tensor& clip : clips) rows.push_back(clip[l]);
    return at::stack(rows);
  }
  at::Tensor labels() const { return at::tensor(speakers, at::kLong); }
};

ClipHits hits_of(const LinearProbe& probe, const at::Tensor& features, const at::Tensor& labels) {
  const at::Tensor right = probe.scores(features).argmax(1).eq(labels).to(at::kDouble).contiguous();
  const double* first = right.const_data_ptr<double>();
  std::vector<double> hits(first, first + right.numel());
  return {hits, std::vector<double>(hits.size(), 1.0)};
}

struct Choice {
  double dev = -1;
  ClipHits scored;
  std::string setting;
};

class SpeakerTask : public Task {
 public:
  SpeakerTask(std::map<int64_t, std::pair<int64_t, Split>> clips, int64_t speakers,
              std::string rule, Split split)
      : clips_(std::move(clips)), speakers_(speakers), rule_(std::move(rule)), split_(split) {}

  bool wants(int64_t clip) const override { return clips_.contains(clip); }

  void add(int64_t clip, const ClipFeatures& features) override {
    const auto& [speaker, part] = clips_.at(clip);
    Pooled& pooled = parts_[part];
    const at::Tensor mean = features.layers.mean(1);
    // Two plain means: ATen's own deviation walks the frames one by one.
    const at::Tensor spread =
        (features.layers.square().mean(1) - mean.square()).clamp_min(0).sqrt();
    pooled.clips.push_back(at::cat({mean, spread}, 1));
    pooled.speakers.push_back(speaker);
  }

  std::vector<TaskScore> scores() const override {
    const int64_t layers = parts_.at(Split::kTrain).clips.front().size(0);
    std::map<ProbeKind, Choice> best;
    for (int64_t l = 0; l < layers; ++l) {
      ProbeSums sums(speakers_);
      sums.add(parts_.at(Split::kTrain).layer(l), parts_.at(Split::kTrain).labels());
      for (const ProbeKind kind : {ProbeKind::kLda, ProbeKind::kRidge})
        consider(sums, kind, l, best[kind]);
    }
    const Choice& lda = best[ProbeKind::kLda];
    const Choice& ridge = best[ProbeKind::kRidge];
    return {score_of("sid.acc", lda.scored, lda.setting),
            score_of("sid.acc_ridge", ridge.scored, ridge.setting)};
  }

 private:
  void consider(const ProbeSums& sums, ProbeKind kind, int64_t l, Choice& best) const {
    const Pooled& dev = parts_.at(Split::kDev);
    const Pooled& scored = parts_.at(split_);
    const at::Tensor dev_features = dev.layer(l), dev_labels = dev.labels();
    for (const LinearProbe& probe : solve_probes(sums, kind, default_shrinkages(kind))) {
      const double rate = hits_of(probe, dev_features, dev_labels).rate();
      if (rate <= best.dev) continue;
      best = {rate, hits_of(probe, scored.layer(l), scored.labels()),
              fmt::format("{}, shrinkage {:g}", layer_name(l, rule_), probe.shrinkage)};
    }
  }

  std::map<int64_t, std::pair<int64_t, Split>> clips_;  // index into the manifest -> speaker, split
  int64_t speakers_;
  std::string rule_;
  Split split_;
  std::map<Split, Pooled> parts_;
};

}  // namespace

std::unique_ptr<Task> make_sid_task(const Manifest& manifest, const TaskOptions& options,
                                    Split split) {
  const SpeakerClips picked = pick_speakers(manifest, options.sid_min_clips);
  std::map<int64_t, std::pair<int64_t, Split>> clips;
  std::map<Split, int64_t> sizes;
  for (const auto& [index, speaker] : picked.clips) {
    const Clip& clip = manifest.clips[static_cast<size_t>(index)];
    if (clip.samples < kShortestClip) continue;
    if (clip.split == Split::kTest && split == Split::kDev) continue;
    clips[index] = {speaker, clip.split};
    ++sizes[clip.split];
  }
  if (sizes[Split::kTrain] == 0 || sizes[Split::kDev] == 0 || sizes[split] == 0) return nullptr;
  return std::make_unique<SpeakerTask>(
      std::move(clips), static_cast<int64_t>(picked.speakers.size()), options.layers, split);
}

}  // namespace concertina
