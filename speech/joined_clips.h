// Training clips joined into one stream of whole frames, from which crops are cut without padding.
//
// Each clip gives floor(samples / frame_samples) frames; clips of one source are joined in manifest
// order. A crop is `frames` consecutive frames of one source's stream; it may span clips.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/rng.h"
#include "speech/manifest.h"

namespace concertina {

class JoinedClips {
 public:
  // `source_weight`: how often a minute of a source is drawn relative to others (default 1; 0
  // excludes it). A key matches the sources that start with it. Clips are those of `split`.
  // InputError when none is left.
  JoinedClips(Manifest manifest, Split split, int32_t frame_samples,
              std::map<std::string, double> source_weight = {});

  int64_t total_frames() const { return total_frames_; }
  int64_t longest_stream() const;  // frames of the longest source: the most that draw() can give
  int32_t frame_samples() const { return frame_samples_; }
  struct ClipSpan {
    int64_t clip;  // index into manifest().clips
    int64_t first_frame;
    int64_t frames;
    double weight;  // its source's
  };
  const std::vector<ClipSpan>& clips() const { return spans_; }
  const Manifest& manifest() const { return manifest_; }

  int64_t draw(int64_t frames, Rng& rng) const;  // first frame of a random crop
  // out.size() = frames * frame_samples. Thread-safe; reads from disk each time.
  void read(int64_t first_frame, std::span<float> out) const;

 private:
  struct Stream {
    int64_t first_frame;
    int64_t frames;
    double weight;
  };
  Manifest manifest_;
  int32_t frame_samples_ = 320;
  int64_t total_frames_ = 0;
  std::vector<ClipSpan> spans_;
  std::vector<Stream> streams_;  // one per source
};

}  // namespace concertina
