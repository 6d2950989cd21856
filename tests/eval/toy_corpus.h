// A small manifest of synthetic clips on disk: speakers who differ in pitch, each in several
// dialogues; and "phones": tones that change every 200 ms. Options, features and scores for it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "eval/tasks.h"
#include "speech/audio.h"
#include "speech/manifest.h"

namespace concertina::testing {

class ToyCorpus {
 public:
  explicit ToyCorpus(const std::string& name, int32_t speakers = 3, int32_t dialogues = 10)
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("concertina-{}-{}", name, ::getpid())) {
    std::filesystem::create_directories(folder_);
    manifest_.folder = folder_;
    for (int32_t s = 0; s < speakers; ++s) {
      for (int32_t d = 0; d < dialogues; ++d) add_clip(s, d);
    }
  }
  ~ToyCorpus() { std::filesystem::remove_all(folder_); }
  ToyCorpus(const ToyCorpus&) = delete;
  ToyCorpus& operator=(const ToyCorpus&) = delete;

  const Manifest& manifest() const { return manifest_; }

 private:
  static constexpr int32_t kPhones = 4;
  static constexpr int32_t kPhoneSamples = 3200;

  void add_clip(int32_t speaker, int32_t dialogue) {
    const std::string id = fmt::format("s{}d{}", speaker, dialogue);
    Rng rng = Rng(7).fork(id);
    const int64_t segments = 8 + rng.below(6);
    std::vector<float> samples;
    std::ofstream labels(folder_ / (id + ".lab"));
    labels << "#\n";
    for (int64_t k = 0; k < segments; ++k) {
      const int64_t phone = rng.below(kPhones);
      const double hz = 300.0 * std::exp2(static_cast<double>(phone)) * (1 + 0.08 * speaker);
      for (int32_t n = 0; n < kPhoneSamples; ++n) {
        const double t = static_cast<double>(n) / 16000;
        samples.push_back(static_cast<float>(0.2 * std::sin(2 * std::numbers::pi * hz * t) +
                                             0.02 * rng.normal()));
      }
      labels << fmt::format("{:.3f} 125 p{}\n", 0.2 * static_cast<double>(k + 1), phone);
    }
    write_wav(folder_ / (id + ".wav"), samples);
    const Split split = dialogue % 5 < 3    ? Split::kTrain
                        : dialogue % 5 == 3 ? Split::kDev
                                            : Split::kTest;
    manifest_.clips.push_back({.id = id,
                               .path = id + ".wav",
                               .samples = static_cast<int64_t>(samples.size()),
                               .speaker = fmt::format("speaker{}", speaker),
                               .language = "xx",
                               .text = "",
                               .phones = id + ".lab",
                               .source = "toy",
                               .group = fmt::format("dialogue{}", dialogue),
                               .split = split});
  }

  std::filesystem::path folder_;
  Manifest manifest_;
};

inline TaskOptions toy_options() {
  TaskOptions options;
  options.sid_min_clips = 5;
  options.pr_every = 1;
  options.asv_trials = 200;
  return options;
}

// The value, -1 where there is no such score.
inline double score_named(const std::vector<TaskScore>& scores, const std::string& metric) {
  const auto found = std::ranges::find(scores, metric, &TaskScore::metric);
  return found == scores.end() ? -1 : found->value;
}

// The first `coefficients` MFCCs of each frame, without its neighbours.
inline FeatureExtractor frame_mfcc(int64_t coefficients) {
  return [coefficients](const std::vector<std::vector<float>>& clips) {
    std::vector<ClipFeatures> all = mfcc_baseline_features()(clips);
    for (ClipFeatures& each : all) each.layers = each.layers.narrow(2, 8 * 20, coefficients);
    return all;
  };
}

// The features of each clip are computed once, for tests that score it often.
inline FeatureExtractor remembered(FeatureExtractor features) {
  auto seen = std::make_shared<std::map<std::vector<float>, ClipFeatures>>();
  return [seen, features = std::move(features)](const std::vector<std::vector<float>>& clips) {
    std::vector<ClipFeatures> result;
    for (const std::vector<float>& clip : clips) {
      if (!seen->contains(clip)) (*seen)[clip] = features({clip}).front();
      result.push_back(seen->at(clip));
    }
    return result;
  };
}

}  // namespace concertina::testing
