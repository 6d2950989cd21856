// A pipeline file, parsed as a whole: every verb takes the same YAML and uses its part, and all
// problems of the file are reported together, whatever the verb.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/option_table.h"
#include "distill/importance/options.h"
#include "distill/options.h"
#include "distill/pretrain/options.h"
#include "distill/train/snapshots.h"
#include "eval/options.h"
#include "search/options.h"
#include "study/budget.h"
#include "supernet/space/search_space.h"

namespace concertina {

// `concertina config corpus`, `... search` and so on describe each option.
struct CorpusConfig {
  std::string tier = "quickstart";  // "" when `manifest` is given
  std::filesystem::path root = "data";
  std::filesystem::path from;
  std::filesystem::path manifest;
};

struct SearchConfig {
  SearcherKind searcher = SearcherKind::kNsga2;
  int64_t population = 40;
  double mutation = 0.1, crossover = 0.9;
  std::vector<std::string> objectives = {"distill.l1", "latency.pred_ms"};
  std::vector<std::string> record = {"params", "macs"};
  std::vector<std::string> front_score = {"pr.frame_acc"};
  int64_t front_keep = 6;
  int64_t trials = 200;
  double fidelity = 1;
  int32_t workers = 0;  // 0: as many as threads
};

// A teacher beside the first: a model file, one of pretrained_models(), downloaded, or snapshots of a run
// in training.
struct MoreTeacher {
  std::string name;
  std::filesystem::path
      model;  // with snapshots their folder; "": of the first teacher's pretraining
  std::string pretrained;
  Guidance snapshots = Guidance::kNone;
};

struct PipelineConfig {
  std::filesystem::path file;  // as it was given; set by the verbs that search
  uint64_t seed = 0;
  CorpusConfig corpus;
  SearchSpace space;
  PretrainOptions teacher;              // distill/pretrain/options.h
  std::filesystem::path teacher_model;  // a model file instead of pretraining; "" otherwise
  // Of pretrained_models(), downloaded; pretraining takes its place where it cannot be had. "": none.
  std::string teacher_pretrained;
  std::vector<MoreTeacher> more_teachers;  // teachers
  // Where the file names the first teacher ("teacher", unless it is pretrained) and the others
  // ("teachers.NAME"): file:line:column.
  std::map<std::string, std::string> teacher_places;
  DistillOptions stage1 = distill_defaults(1), stage2 = distill_defaults(2);  // distill/options.h
  std::optional<SortOptions> sort;  // between the two: distill/importance/options.h
  LatencyOptions latency;           // eval/options.h
  TaskOptions tasks;                // eval/options.h
  SearchConfig search;
  std::vector<Budget> budgets;  // report.budgets
  std::string effective;        // the effective config as canonical YAML, written with every result

  // Relative paths are resolved against the file's folder, corpus.root against the working
  // directory. InputError with every problem of the file, those of pipeline/config_checks.h too.
  static PipelineConfig parse(ConfigFile& file);
};

// Every option of a pipeline file with its default, in the order of the stages.
std::vector<OptionRow> pipeline_options();

}  // namespace concertina
