// Options of proxy tasks and of latency measurements.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/enum_names.h"
#include "core/precision.h"

namespace concertina {

std::vector<std::string> task_names();  // eval/task_kinds.h

// Of the hidden states that probes read: the layer selected on train, the last, or their mean.
enum class LayerRule { kBest, kLast, kAll };
template <>
inline constexpr auto kEnumNames<LayerRule> = name_table("best", "last", "all");

// `concertina config tasks` describes each option.
struct TaskOptions {
  std::vector<std::string> tasks = {"pr", "sid", "asv"};
  double fidelity = 1;
  std::map<std::string, std::filesystem::path> data;  // by task: files of clips (read_clips)
  std::vector<std::string> speaker_disjoint = {"ks", "lid", "tone", "ic", "er"};
  int32_t pr_every = 2;
  double clip_seconds = 0;  // 0: all
  int32_t asv_trials = 4000;
  int32_t abx_triples = 5000;
  int32_t qbe_queries = 100;
  int32_t qbe_documents = 500;
  int32_t sid_min_clips = 40;
  int32_t ks_min_clips = 3;
  LayerRule layers = LayerRule::kBest;
  bool trained = false;
  int32_t probe_width = 0;              // 0: no probes on projections
  std::vector<int32_t> teacher_layers;  // of teacher.r2 and teacher.cka; none: the objective's rows
  double teacher_seconds = 240;
  Precision dtype = Precision::kAuto;
  static TaskOptions from_config(ConfigSection section);
};
const OptionTable<TaskOptions>& task_table();

inline constexpr Bounds kLatencyPoints{1, 100000};
inline constexpr Bounds kLatencySeconds{0.1, 3600};
inline constexpr Bounds kLatencyRepetitions{1, 1000000};

// `concertina config latency` describes each option.
struct LatencyOptions {
  int32_t points = 60;
  int32_t threads = 1;
  double seconds = 4;
  Precision dtype = Precision::kFp32;
  int32_t warmup = 3, repetitions = 15;
  static LatencyOptions from_config(ConfigSection section);
};
const OptionTable<LatencyOptions>& latency_table();

}  // namespace concertina
