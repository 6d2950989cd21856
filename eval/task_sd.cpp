// Speaker diarization: who of two speakers speaks when, in mixtures of two clips. The probe reads each
// frame less the mean of its clip, for its head is linear: it hears how two speakers differ, and not who
// they are.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/errors.h"
#include "core/hash.h"
#include "eval/clip_cache.h"
#include "eval/diarization.h"
#include "eval/mixtures.h"
#include "eval/task.h"
#include "eval/task_data.h"
#include "speech/audio.h"

namespace concertina {
namespace {

constexpr int64_t kShortestPart = kTaskSampleRate;     // samples
constexpr int64_t kSdTraining = 400, kSdScored = 200;  // mixtures at fidelity 1
constexpr int64_t kLeastSdTraining = 8, kLeastSdScored = 20;
constexpr double kLoudness_db = 5;  // the second clip is up to this much louder or softer

struct SdMixture {
  Mixture mixture;
  bool training = false, held_out = false;
  Activity steps;  // of kActivityStep samples
};

struct SdTask : Task {
  bool wants(int64_t clip) const override { return parts.contains(clip); }
  std::unique_ptr<TaskRun> start() const override { return start_trained({}); }
  std::unique_ptr<TaskRun> start_trained(const StopToken& stop) const override;
  std::string content() const override { return fmt::format("2 of {} speakers", speakers); }
  std::vector<TaskMixture> mixtures() const override {
    std::vector<TaskMixture> all_mixtures;
    for (const SdMixture& each : all) all_mixtures.push_back({each.mixture, each.training});
    return all_mixtures;
  }

  std::vector<SdMixture> all;
  std::set<int64_t> parts;  // clips that are mixed
  size_t speakers = 0;      // that are scored
};

// Of each frame: what is spoken at its centre.
Activity frame_activity(const SdMixture& mixture, const ClipFeatures& features) {
  Activity frames;
  for (int64_t t = 0; t < features.layers.size(1); ++t) {
    const double centre = features.centre_s + static_cast<double>(t) * features.period_s;
    const auto step = static_cast<size_t>(centre * kTaskSampleRate / kActivityStep);
    frames.push_back(step < mixture.steps.size() ? mixture.steps[step] : 0);
  }
  return frames;
}

struct SdClip {
  ProbeClip frames;
  Activity activity;
};

// How probabilities become activity: s3prl tries these.
struct SdDecoding {
  double threshold = 0.5;
  int64_t median = 1;
};
Activity decoded(const at::Tensor& scores, const SdDecoding& decoding) {
  return median_filtered(activity_above(scores, decoding.threshold), decoding.median);
}

// The one with the lowest error rate on held-out clips, or on all where none is held out.
SdDecoding best_decoding(const TrainedProbe& probe, const std::vector<SdClip>& clips) {
  const bool any = std::ranges::any_of(clips, [](const SdClip& c) { return c.frames.held_out; });
  std::vector<std::pair<at::Tensor, const Activity*>> scored;
  for (const SdClip& clip : clips) {
    if (clip.frames.held_out == any)
      scored.emplace_back(probe.scores(clip.frames.features.to(at::kFloat)), &clip.activity);
  }
  SdDecoding best;
  double least = std::numeric_limits<double>::infinity();
  for (const int64_t median : {1, 11}) {
    for (const double threshold : {0.3, 0.4, 0.5, 0.6, 0.7}) {
      double errors = 0;
      for (const auto& [scores, activity] : scored)
        errors += diarization_errors(*activity, decoded(scores, {threshold, median})).errors();
      if (errors >= least) continue;
      least = errors;
      best = {threshold, median};
    }
  }
  return best;
}

class SdRun : public TaskRun {
 public:
  SdRun(const SdTask& task, StopToken stop) : task_(task), stop_(std::move(stop)) {}

  void add(int64_t index, const ClipFeatures& features) override {
    const SdMixture& mixture = task_.all[static_cast<size_t>(index)];
    const at::Tensor centred = features.layers - features.layers.mean(1, true);
    Activity activity = frame_activity(mixture, features);
    if (mixture.training) {
      CONCERTINA_ASSERT(!probe_);
      training_.add({{centred, mixture.held_out}, std::move(activity)});
      return;
    }
    CONCERTINA_ASSERT(probe_.has_value());
    const DiarizationErrors counted =
        diarization_errors(activity, decoded(probe_->scores(centred.to(at::kFloat)), decoding_));
    hits_.hits.push_back(counted.errors());
    hits_.totals.push_back(counted.speech);
  }

  void fit() override {
    const std::vector<SdClip> clips = training_.take();
    std::vector<ProbeClip> frames;
    for (const SdClip& clip : clips) frames.push_back(clip.frames);
    const auto loss = [&](size_t clip, const at::Tensor& logits) {
      return permutation_invariant_loss(clips[clip].activity, logits);
    };
    probe_ = fit_clip_probe(frames, 2, loss, options_, stop_);
    decoding_ = best_decoding(*probe_, clips);
  }

  std::vector<TaskScore> scores(Intervals intervals) const override {
    CONCERTINA_ASSERT(probe_.has_value());
    return {score_of("sd.der_wsum", hits_,
                     fmt::format("{}; threshold {}, median of {} frames", probe_setting(*probe_),
                                 decoding_.threshold, decoding_.median),
                     intervals)};
  }

 private:
  const SdTask& task_;
  StopToken stop_;
  ClipProbeOptions options_;
  ClipCache<SdClip> training_;
  std::optional<TrainedProbe> probe_;
  SdDecoding decoding_;
  ClipHits hits_;
};

std::unique_ptr<TaskRun> SdTask::start_trained(const StopToken& stop) const {
  return std::make_unique<SdRun>(*this, stop);
}

// Clips of one source that may be mixed.
struct SdParts {
  std::vector<MixableClip> training, scored;
};

std::set<int64_t> mixable_speakers(const std::vector<MixableClip>& clips) {
  std::set<int64_t> speakers;
  for (const MixableClip& clip : clips) speakers.insert(clip.speaker);
  return speakers;
}

SdParts sd_parts(const Manifest& manifest, const SpeakerClips& picked, Split split) {
  SdParts parts;
  for (const auto& [index, speaker] : picked.clips) {
    const Clip& clip = manifest.clips[static_cast<size_t>(index)];
    if (clip.samples < kShortestPart) continue;
    if (clip.split == Split::kTrain) parts.training.push_back({index, speaker, clip.samples});
    if (clip.split == split) parts.scored.push_back({index, speaker, clip.samples});
  }
  return parts;
}

// Speakers of both sides are dealt to one of them, by turns in the order of their names' SHA-256.
void separate_speakers(SdParts& parts, const std::vector<std::string>& names) {
  const std::set<int64_t> training = mixable_speakers(parts.training);
  std::map<std::string, int64_t> shared;
  for (const int64_t speaker : mixable_speakers(parts.scored)) {
    if (training.contains(speaker)) shared[sha256(names[static_cast<size_t>(speaker)])] = speaker;
  }
  bool trains = true;
  for (const auto& [hash, speaker] : shared) {
    std::erase_if(trains ? parts.scored : parts.training,
                  [&](const MixableClip& clip) { return clip.speaker == speaker; });
    trains = !trains;
  }
}

// Reads both clips, balances their loudness and notes who speaks when.
SdMixture with_audio(const Manifest& manifest, Mixture mixture, Rng& rng) {
  const auto read = [&](int64_t index) {
    const Clip& clip = manifest.clips[static_cast<size_t>(index)];
    std::vector<float> samples(static_cast<size_t>(clip.samples));
    read_wav_segment(manifest.audio_path(clip), 0, samples);
    return samples;
  };
  const std::vector<float> first = read(mixture.first), second = read(mixture.second);
  const Activity of_first = speech_steps(first), of_second = speech_steps(second);
  const double level = rng.uniform(-kLoudness_db, kLoudness_db);
  const double power = speech_power(second, of_second);
  if (power > 0)
    mixture.gain = static_cast<float>(std::sqrt(speech_power(first, of_first) / power) *
                                      std::pow(10, level / 20));
  SdMixture result{.mixture = mixture, .steps = of_first};
  const auto shift = static_cast<size_t>((mixture.offset + kActivityStep / 2) / kActivityStep);
  result.steps.resize(std::max(of_first.size(), shift + of_second.size()), 0);
  for (size_t i = 0; i < of_second.size(); ++i)
    result.steps[shift + i] |= static_cast<uint8_t>(of_second[i] << 1);
  return result;
}

void add_mixtures(SdTask& task, const Manifest& manifest, const std::vector<Mixture>& drawn,
                  SdMixture like, Rng rng) {
  for (const Mixture& mixture : drawn) {
    SdMixture made = with_audio(manifest, mixture, rng);
    made.training = like.training;
    made.held_out = like.held_out;
    task.parts.insert({mixture.first, mixture.second});
    task.all.push_back(std::move(made));
  }
}

PreparedTask prepare_sd(const Manifest& manifest, const TaskOptions& options, Split split) {
  const SpeakerClips picked = pick_speakers(manifest, options.sid_min_clips);
  if (!picked.missing.empty()) return {nullptr, picked.missing};
  SdParts parts = sd_parts(manifest, picked, split);
  separate_speakers(parts, picked.speakers);
  for (const auto& [part, of] :
       {std::pair(&parts.training, Split::kTrain), std::pair(&parts.scored, split)}) {
    if (mixable_speakers(*part).size() >= 2) continue;
    return {nullptr, fmt::format("split {} has clips of a second of less than two speakers of '{}' "
                                 "once no speaker is on both sides (columns 'speaker' and 'split')",
                                 split_name(of), picked.source)};
  }
  // Fold 0 of train is mixed within itself, a quarter of all.
  std::vector<int64_t> indices;
  for (const MixableClip& clip : parts.training) indices.push_back(clip.clip);
  const std::vector<int32_t> folds = deal_folds(manifest, indices);
  std::vector<MixableClip> fitted, held_out;
  for (size_t i = 0; i < folds.size(); ++i)
    (folds[i] == 0 ? held_out : fitted).push_back(parts.training[i]);

  auto task = std::make_unique<SdTask>();
  task->speakers = mixable_speakers(parts.scored).size();
  const int64_t training = count_at_share(kSdTraining, options.fidelity, kLeastSdTraining);
  const int64_t scored = count_at_share(kSdScored, options.fidelity, kLeastSdScored);
  const Rng rng = Rng(0).fork("sd mixtures");
  const auto add = [&](const std::vector<MixableClip>& clips, int64_t count, const SdMixture& like,
                       const std::string& name) {
    add_mixtures(*task, manifest, draw_mixtures(clips, count, rng.fork(name)), like,
                 rng.fork("levels " + name));
  };
  add(fitted, training - training / 4, {.training = true}, "train");
  add(held_out, training / 4, {.training = true, .held_out = true}, "train, fold 0");
  if (task->all.empty()) return {nullptr, "no two clips of split train can be mixed"};
  add(parts.scored, scored, {}, std::string(split_name(split)));
  return {std::move(task), ""};
}

}  // namespace

const TaskKind kDiarizationTask = {.name = "sd",
                                   .labels = "several speakers",
                                   .prepare = prepare_sd,
                                   .facts = speaker_facts,
                                   .test_facts = nullptr,
                                   .same_text_leaks = false,
                                   .trained_only = true};

}  // namespace concertina
