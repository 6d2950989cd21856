// A whole pipeline file, parsed once: every verb takes the same YAML and uses its part, and all
// problems of the file are reported together whatever verb was asked for.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "distill/options.h"
#include "distill/pretrain/options.h"
#include "distill/importance/sort.h"
#include "eval/latency.h"
#include "eval/tasks.h"
#include "search/pareto.h"
#include "search/searcher.h"
#include "supernet/space/search_space.h"

namespace concertina {

struct CorpusConfig {
  std::string tier = "quickstart";  // "" when `manifest` is given
  std::filesystem::path root = "data";
  std::filesystem::path from;      // folder with packages already there
  std::filesystem::path manifest;  // own data: a manifest.tsv, instead of a tier
};

struct SearchConfig {
  std::string searcher = "nsga2";
  int64_t population = 40;
  double mutation = 0.1, crossover = 0.9;
  std::vector<std::string> objectives = {"distill.l1", "latency.pred_ms"};
  std::vector<std::string> record = {"params", "macs"};
  std::vector<std::string> front_score = {"pr.frame_acc"};
  int64_t front_keep = 6;  // members of the front scored on test and re-timed
  int64_t trials = 200;
  int32_t workers = 0;  // 0: as many as threads
};

struct PipelineConfig {
  std::filesystem::path file;  // as it was given; set by the verbs that search
  uint64_t seed = 0;
  CorpusConfig corpus;
  SearchSpace space;
  PretrainOptions teacher;  // distill/pretrain/options.h
  std::filesystem::path
      teacher_model;  // an existing model file instead of pretraining; "" otherwise
  DistillOptions stage1, stage2;
  std::optional<SortOptions> sort;  // between the two: distill/importance/sort.h
  LatencyOptions latency;           // eval/latency.h
  TaskOptions tasks;                // eval/tasks.h
  SearchConfig search;
  std::vector<Budget> budgets;  // report.budgets
  std::string effective;  // the effective config as canonical YAML, written beside every result

  // Relative paths are resolved against the file's folder, corpus.root against the working
  // directory. InputError with every problem of the file, those of pipeline/config_checks.h too.
  static PipelineConfig parse(ConfigFile& file);
};

}  // namespace concertina
