// Proxy tasks on frozen features with closed-form probes: phone recognition (pr), speaker
// identification (sid) and speaker verification (asv). Settings (layer, shrinkage) are chosen on
// dev, scores are given on dev or test.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/stop.h"
#include "db/trial.h"
#include "speech/manifest.h"
#include "supernet/model/supernet.h"

namespace concertina {

struct TaskOptions {
  std::vector<std::string> tasks = {"pr", "sid", "asv"};
  int32_t pr_every = 2;         // every n-th training utterance of pr
  double clip_seconds = 0;      // longest part of a clip that is encoded; 0: all
  int32_t asv_trials = 4000;    // of each kind (target, non-target)
  int32_t sid_min_clips = 40;   // speakers with fewer clips are left out
  std::string layers = "best";  // best (chosen on dev) | last | all (mean)
  std::string dtype =
      "auto";  // of the encoder: fp32 | bf16 | auto (bf16 where the machine is fast at it)
  static TaskOptions from_config(ConfigSection section);
};

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
FeatureExtractor mfcc_floor_features();           // 20 MFCC with +-8 frames of context, one "layer"

struct TaskScore {
  std::string metric;        // in the registry, db/metric.h
  double value = 0;          // per cent
  double low = 0, high = 0;  // 95 % bootstrap interval over clips (utterances)
  std::string setting;       // "layer 1, shrinkage 1e-3", chosen on dev
};

// All tasks for one feature extractor, scored on `split` (kDev or kTest); layer and shrinkage are
// always chosen on dev. Each clip is read and encoded once for all tasks. A task the manifest has
// no data for is left out with a line in the log; InputError when none is left. Interrupted when a
// stop was asked for. Runs in inference mode.
std::vector<TaskScore> score_tasks(const Manifest& manifest, const FeatureExtractor& features,
                                   const TaskOptions& options, Split split, const StopToken& stop);

std::vector<std::string> task_names();  // pr, sid, asv
// Those of options.tasks that the manifest has data for.
std::vector<std::string> available_tasks(const Manifest& manifest, const TaskOptions& options,
                                         Split split);

}  // namespace concertina
