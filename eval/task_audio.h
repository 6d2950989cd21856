// Inside eval: the audio of the clips that tasks want, read once.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/stop.h"
#include "eval/mixtures.h"
#include "eval/tasks.h"

namespace concertina {

// Immutable: threads share one.
class TaskAudio {
 public:
  // `clips`: indices into the manifest; those that are keys of `mixtures` are made of two others.
  // What fits into `bytes` as 16-bit samples, in this order, is read now, the rest whenever it is
  // asked for. InputError when a file is no 16-bit mono
  // WAV or shorter than the manifest says. Interrupted when a stop was asked for.
  TaskAudio(const Manifest& manifest, std::span<const int64_t> clips,
            std::map<int64_t, Mixture> mixtures, double clip_seconds, int64_t bytes,
            const StopToken& stop);

  int64_t length(int64_t clip) const { return clips_.at(clip).length; }  // samples
  std::vector<float> read(int64_t clip) const;

 private:
  struct Entry {
    std::filesystem::path path;
    int64_t length = 0, whole = 0;  // samples: of what is encoded, and of the file
    std::vector<int16_t> samples;   // of as much as was asked for; empty: beyond the bound
  };
  Entry& entry_of(const Manifest& manifest, int64_t clip, double clip_seconds);
  void keep(Entry& entry, int64_t samples);
  std::vector<float> read(const Entry& entry, int64_t samples) const;

  std::map<int64_t, Mixture> mixtures_;
  int64_t left_ = 0;  // samples that may still be kept
  std::map<int64_t, Entry> clips_;
};

}  // namespace concertina
