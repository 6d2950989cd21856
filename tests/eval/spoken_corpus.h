// A manifest of synthetic clips on disk that say words: a word is a sequence of tones of 80 ms, one for
// each letter; speakers differ in pitch.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <numbers>
#include <string>
#include <vector>

#include "core/rng.h"
#include "speech/audio.h"
#include "speech/manifest.h"

namespace concertina::testing {

class SpokenCorpus {
 public:
  explicit SpokenCorpus(const std::string& name)
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("concertina-{}-{}", name, ::getpid())) {
    std::filesystem::create_directories(folder_);
    manifest_.folder = folder_;
  }
  ~SpokenCorpus() { std::filesystem::remove_all(folder_); }
  SpokenCorpus(const SpokenCorpus&) = delete;
  SpokenCorpus& operator=(const SpokenCorpus&) = delete;

  // Letters a to h and spaces.
  void say(const std::string& text, const std::string& group, Split split, int speaker = 0) {
    constexpr int kToneSamples = 1280, kPauseSamples = 800;
    const std::string id = fmt::format("clip{}", manifest_.clips.size());
    Rng rng = Rng(7).fork(id);
    std::vector<float> samples;
    for (const char letter : text) {
      const bool pause = letter == ' ';
      const double hz = 250 * std::exp2((letter - 'a') * 0.55) * (1 + 0.03 * speaker);
      for (int n = 0; n < (pause ? kPauseSamples : kToneSamples); ++n) {
        const double tone = pause ? 0 : 0.2 * std::sin(2 * std::numbers::pi * hz * n / 16000);
        samples.push_back(static_cast<float>(tone + 0.005 * rng.normal()));
      }
    }
    write_wav(folder_ / (id + ".wav"), samples);
    Clip clip;
    clip.id = id;
    clip.path = id + ".wav";
    clip.samples = static_cast<int64_t>(samples.size());
    clip.speaker = fmt::format("speaker{}", speaker);
    clip.text = text;
    clip.source = "tones";
    clip.group = group;
    clip.split = split;
    manifest_.clips.push_back(clip);
  }

  // Random words, for each split and group: each word alone, and `sentences` of three of them.
  void say_sentences(const std::vector<std::string>& words, int groups, int sentences) {
    Rng rng(3);
    for (const Split split : {Split::kTrain, Split::kDev, Split::kTest}) {
      for (int g = 0; g < groups; ++g) {
        const std::string group = fmt::format("{}-{}", split_name(split), g);
        for (const std::string& word : words) say(word, group, split, g);
        for (int s = 0; s < sentences; ++s) {
          const auto word = [&] {
            return words[static_cast<size_t>(rng.below(std::ssize(words)))];
          };
          say(fmt::format("{} {} {}", word(), word(), word()), group, split, g);
        }
      }
    }
  }

  const Manifest& manifest() const { return manifest_; }

 private:
  std::filesystem::path folder_;
  Manifest manifest_;
};

}  // namespace concertina::testing
