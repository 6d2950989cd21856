// Proxy tasks on frozen features (docs/eval.md; eval/task_kinds.h lists them), most with probes in
// closed form or none. Settings (layer, shrinkage, pooling) are chosen inside train, scores are given
// on dev or test: neither chooses anything.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/stop.h"
#include "eval/metrics.h"
#include "eval/options.h"
#include "speech/manifest.h"
#include "study/trial.h"
#include "supernet/model/supernet.h"

namespace concertina {

// Frame features of one clip for every layer: [layers, T, D] float. Frame t is centred at centre_s
// + t * period_s.
struct ClipFeatures {
  at::Tensor layers;
  double period_s = 0.02;
  double centre_s = 0.01;
};
using FeatureExtractor =
    std::function<std::vector<ClipFeatures>(const std::vector<std::vector<float>>& clips)>;

FeatureExtractor subnet_features(Subnet subnet);  // all hidden states at the base frame period
// Features without learning, of one "layer": 20 MFCC with +-8 frames of context, and SUPERB's
// baseline, 80 log-mel energies with first and second differences over 5 frames of 10 ms. Not
// normalised by clip, as s3prl has it: a clip's mean over time would be 0 for all speakers.
FeatureExtractor mfcc_baseline_features();
FeatureExtractor fbank_baseline_features();

enum class Intervals { kNone, kBootstrap };

struct TaskScore {
  std::string metric;  // in the registry, study/metric.h
  double value = 0;    // in the metric's unit
  // 95 % bootstrap interval over clips (utterances); NaN where none was asked for.
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
  std::string setting;  // "layer 1, shrinkage 0.001, chosen on 4 folds of train"
  // Of an accuracy: hits and frames or clips that count, of each clip that was scored, in the order
  // of TaskData::scored_ids, the same for all models. Of teacher.r2 and loyalties: those
  // of loyalty.h; of an error rate through CTC: edits and reference symbols. Empty for other metrics.
  std::vector<double> hits, totals;
  // Of verification: the trials with their scores, the same ones for all models, and how many clips
  // they are drawn from. Empty for other metrics.
  std::vector<VerificationTrial> trials;
  int64_t trial_clips = 0;
  // Of each layer that the probe may read: the score, in the metric's unit, that the layer is
  // chosen by, on clips of train that the fit did not see. Empty where no layer is chosen.
  std::vector<double> layers;
};

// What a task trains and is scored on.
struct TaskData {
  std::string task;
  std::string content;  // "51 phones", "22 speakers"
  int64_t training_clips = 0, scored_clips = 0;
  double training_seconds = 0, scored_seconds = 0;
  std::vector<std::string> scored_ids;
};

// What scoring needs of a manifest, read once: labels, folds, trials, and up to kTaskAudioBytes of
// audio (16-bit; what is beyond is read again in each pass). Immutable: threads share one.
inline constexpr int64_t kTaskAudioBytes = int64_t{1} << 29;  // 4.7 h

class PreparedTasks {
 public:
  // `split`: kDev or kTest. A task that the manifest makes impossible is left out with a line in
  // the log that says which column is missing or wrong, and what train and the split share although
  // they should not (eval/leaks.h) with a warning; InputError where that is the same audio, for a
  // task that does not exist and for files that cannot be read. Interrupted when a stop was asked
  // for. options.data gives a task clips of its own; options.fidelity leaves a share of the clips
  // (docs/eval.md has both).
  PreparedTasks(const Manifest& manifest, TaskOptions options, Split split,
                const StopToken& stop = {});
  ~PreparedTasks();
  PreparedTasks(PreparedTasks&&) noexcept;
  PreparedTasks& operator=(PreparedTasks&&) noexcept;

  const std::vector<std::string>& names() const { return names_; }  // of the tasks that are scored
  // Task and sentence of those that are not.
  const std::vector<std::pair<std::string, std::string>>& left_out() const { return left_out_; }
  const std::vector<TaskData>& data() const { return task_data_; }  // of the tasks of names()

  // All tasks for one feature extractor. Each clip is encoded once for all tasks; twice where one
  // task trains on it and another scores it. Interrupted when a stop was asked for. Runs in
  // inference mode. A run takes memory for its sums: for pr kFolds * L * D * D doubles, for sid, ks
  // and asv a pooled clip's [L, 3 D] floats, for abx and qbe frames of train in all layers; for a
  // trained probe see trained_run.h, for one trained with CTC sequence_task.h.
  std::vector<TaskScore> score(const FeatureExtractor& features, Intervals intervals,
                               const StopToken& stop) const;
  // The same with other features of the clips that are scored: with noise, where probes are trained
  // without.
  std::vector<TaskScore> score(const FeatureExtractor& of_training,
                               const FeatureExtractor& of_scored, Intervals intervals,
                               const StopToken& stop) const;

 private:
  struct Data;
  std::vector<std::string> names_;
  std::vector<std::pair<std::string, std::string>> left_out_;
  std::vector<TaskData> task_data_;
  std::unique_ptr<const Data> data_;
};

// One model alone, with intervals. InputError when no task can be scored.
std::vector<TaskScore> score_tasks(const Manifest& manifest, const FeatureExtractor& features,
                                   const TaskOptions& options, Split split, const StopToken& stop);

// Those of options.tasks that the manifest has data for; a line in the log for the others.
std::vector<std::string> available_tasks(const Manifest& manifest, const TaskOptions& options,
                                         Split split);

}  // namespace concertina
