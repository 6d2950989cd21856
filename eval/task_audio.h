// Inside eval: the audio of the clips that tasks want, read once.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/stop.h"
#include "eval/tasks.h"

namespace concertina {

// Immutable: threads share one.
class TaskAudio {
 public:
  // `clips`: indices into the manifest. Those whose 16-bit samples fit into `bytes`, in this order,
  // are read now, the others whenever they are asked for. InputError when a file is no 16-bit mono
  // WAV or shorter than the manifest says. Interrupted when a stop was asked for.
  TaskAudio(const Manifest& manifest, std::span<const int64_t> clips, double clip_seconds,
            int64_t bytes, const StopToken& stop);

  int64_t length(int64_t clip) const { return clips_.at(clip).length; }  // samples
  std::vector<float> read(int64_t clip) const;

 private:
  struct Entry {
    std::filesystem::path path;
    int64_t length = 0;
    std::vector<int16_t> samples;  // empty: beyond the bound
  };
  std::map<int64_t, Entry> clips_;
};

}  // namespace concertina
