// Inside eval: one proxy task. What the manifest settles (labels, folds, trials) is prepared once;
// a run of it is fed one model's features clip by clip.
#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/stop.h"
#include "eval/folds.h"
#include "eval/metrics.h"
#include "eval/mixtures.h"
#include "eval/task_kinds.h"
#include "eval/tasks.h"

namespace concertina {

inline constexpr int32_t kTaskSampleRate = 16000;
// samples; every front end makes frames of them.
inline constexpr int64_t kShortestClip = kTaskSampleRate / 10;

// One pass of one model. Not thread-safe.
class TaskRun {
 public:
  virtual ~TaskRun() = default;
  // Training clips, then fit(), then the others.
  virtual void add(int64_t clip, const ClipFeatures& features) = 0;
  // Trains on the training clips and chooses settings on them; a run may leave that to scores(). Of several
  // runs they are called concurrently.
  virtual void fit() {}
  virtual std::vector<TaskScore> scores(Intervals intervals) const = 0;
};

// What a task of classification knows of a clip, for a probe that is trained by gradients.
struct ClipLabels {
  bool training = false;
  int32_t fold = 0;    // of training clips
  at::Tensor classes;  // [T] int64 of its frames, -1: not counted; or [1], of the clip as a whole
};

// Immutable: runs in several threads may share one, and must not outlive it.
class Task {
 public:
  virtual ~Task() = default;
  virtual bool wants(int64_t clip) const = 0;  // index into the manifest
  virtual std::unique_ptr<TaskRun> start() const = 0;
  // What it tells apart, for the table of scores: "22 speakers".
  virtual std::string content() const {
    return class_count() > 0 ? fmt::format("{} classes", class_count()) : "";
  }

  // Of a task on mixtures: the clips of its runs, by index. wants() then says which clips are mixed.
  virtual std::vector<TaskMixture> mixtures() const { return {}; }

  // A run that trains its own probe, for tasks that have no other; null: trained_metric() says more.
  virtual std::unique_ptr<TaskRun> start_trained(const StopToken&) const { return nullptr; }
  // The metric of a trained probe; "": the task is none of classification, and has none of the
  // others.
  virtual std::string trained_metric() const { return ""; }
  virtual int64_t class_count() const { return 0; }
  virtual ClipLabels labels(int64_t, const ClipFeatures&) const { return {}; }
};

// A task, or what the manifest lacks for it: a sentence that names the column.
struct PreparedTask {
  std::unique_ptr<const Task> task;
  std::string missing;
};

// The layers a probe may choose from, [L', T, D], by TaskOptions::layers, and the name of the i-th
// of them.
at::Tensor eligible_layers(const at::Tensor& layers, LayerRule rule);
std::string layer_name(int64_t eligible, LayerRule rule);

// Speakers of one source that a probe can classify without leaks: at least `min_clips` clips in
// at least two groups. The source with most of them is taken; `missing` says why none has two.
struct SpeakerClips {
  std::string source;
  std::vector<std::string> speakers;  // sorted
  // Index into the manifest, speaker number; manifest order.
  std::vector<std::pair<int64_t, int64_t>> clips;
  std::string missing;
};
SpeakerClips pick_speakers(const Manifest& manifest, int64_t min_clips);
// TaskKind::facts of tasks on them.
Facts speaker_facts(const Manifest& manifest, const TaskOptions& options);

// What one setting got right, clip by clip.
struct ClipHits {
  std::vector<double> hits, totals;
  double rate() const { return hit_rate(hits, totals); }
};
TaskScore score_of(const std::string& metric, const ClipHits& hits, std::string setting,
                   Intervals intervals);
// With the setting of a probe and what each layer had on folds of train.
TaskScore score_of(const std::string& metric, const ClipHits& hits, const ChosenProbe& probe,
                   LayerRule rule, Intervals intervals);

}  // namespace concertina
