// Inside eval: one proxy task, fed clip by clip.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eval/metrics.h"
#include "eval/probes.h"
#include "eval/tasks.h"

namespace concertina {

inline constexpr int32_t kTaskSampleRate = 16000;
inline constexpr int64_t kShortestClip =
    kTaskSampleRate / 10;  // samples; every front end makes frames of them

class Task {
 public:
  virtual ~Task() = default;
  virtual bool wants(int64_t clip) const = 0;  // index into the manifest
  virtual void add(int64_t clip,
                   const ClipFeatures& features) = 0;  // training clips before all others
  virtual std::vector<TaskScore> scores() const = 0;
};

// Each is null when the manifest has no data for the task. `split` is scored, dev chooses the
// settings.
std::unique_ptr<Task> make_pr_task(const Manifest& manifest, const TaskOptions& options,
                                   Split split);
std::unique_ptr<Task> make_sid_task(const Manifest& manifest, const TaskOptions& options,
                                    Split split);
std::unique_ptr<Task> make_asv_task(const Manifest& manifest, const TaskOptions& options,
                                    Split split);

// The layers a probe may choose from, [L', T, D], by TaskOptions::layers, and the name of the i-th
// of them.
at::Tensor eligible_layers(const at::Tensor& layers, const std::string& rule);
std::string layer_name(int64_t eligible, const std::string& rule);

// Speakers of one source whose clips can be told apart without leaks: at least `min_clips` clips in
// at least two groups. The source with most of them is taken; empty when none has two.
struct SpeakerClips {
  std::string source;
  std::vector<std::string> speakers;  // sorted
  std::vector<std::pair<int64_t, int64_t>>
      clips;  // index into the manifest, speaker number; manifest order
};
SpeakerClips pick_speakers(const Manifest& manifest, int64_t min_clips);

// What one setting got right, clip by clip.
struct ClipHits {
  std::vector<double> hits, totals;
  double rate() const { return hit_rate(hits, totals); }
};
TaskScore score_of(const std::string& metric, const ClipHits& hits, std::string setting);

}  // namespace concertina
