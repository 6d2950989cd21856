// The stages of the whole line, one function each; the verbs call one, `run` calls all. Each stage
// reads the files of the stages before it from the workspace and writes its own.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "pipeline/pipeline_config.h"
#include "apps/verb.h"
#include "distill/train/communicator.h"
#include "distill/train/stage_folder.h"
#include "report/report.h"

namespace concertina {

// Where a pipeline's files are. Every stage folder holds config.yaml (the effective config) beside
// its results.
struct Workspace {
  std::filesystem::path out;  // --out
  std::filesystem::path teacher_dir() const { return out / "teacher"; }
  std::filesystem::path stage_dir(int32_t stage) const {
    return out / ("stage" + std::to_string(stage));
  }
  std::filesystem::path teacher() const { return teacher_dir() / "model.safetensors"; }
  std::filesystem::path student(int32_t stage) const {
    return stage_dir(stage) / "model.safetensors";
  }
  std::filesystem::path objective(int32_t stage) const {
    return stage_dir(stage) / "objective.safetensors";
  }
  std::filesystem::path sort_dir() const { return out / "sort"; }
  std::filesystem::path sorted() const { return sort_dir() / "model.safetensors"; }
  std::filesystem::path sorted_objective() const { return sort_dir() / "objective.safetensors"; }
  std::filesystem::path study() const { return out / "study.db"; }
  std::filesystem::path scores() const { return out / "scores.json"; }
  std::filesystem::path subnet() const { return out / "subnet.safetensors"; }
  std::filesystem::path report() const { return out / "report.html"; }
};

struct StageFlags {
  bool resume = true;                             // the search goes on with the study that is there
  double max_minutes = 0;                         // 0: no cap
  Existing existing = Existing::kGoOnOrSetAside;  // a run that is in a training stage's folder
  bool sort_before = false;                       // stage 2 sorts stage 1's model itself
  std::vector<Architecture> score = {};           // by the search, besides the members it names
  // Of several processes: how long without an answer until the others end.
  double answer_minutes = std::chrono::duration<double, std::ratio<60>>(kAnswerTime).count();
};

std::filesystem::path corpus_manifest(
    const PipelineConfig& config);  // where the corpus stage puts or finds it
void run_corpus_stage(const PipelineConfig& config, const Globals& globals);
void run_teacher_stage(const PipelineConfig& config, const Workspace& space, const Globals& globals,
                       const StageFlags& flags);
void run_distill_stage(const PipelineConfig& config, const Workspace& space, const Globals& globals,
                       const StageFlags& flags, int32_t stage);
void run_sort_stage(const PipelineConfig& config, const Workspace& space);  // needs config.sort
void run_latency_stage(const PipelineConfig& config, const Workspace& space,
                       const Globals& globals);  // profile and fit into study.db
void run_search_stage(const PipelineConfig& config, const Workspace& space, const Globals& globals,
                      const StageFlags& flags);  // search, test scores, re-timing
void run_eval_stage(const PipelineConfig& config, const Workspace& space,
                    const Globals& globals);  // scores.json: teacher, random, floor, subnets
// Adds what a model file says about its training to a report; nothing where there is none.
void add_what_ran(const std::filesystem::path& model, const std::string& name,
                  ReportInputs& inputs);
void run_report_stage(const PipelineConfig& config, const Workspace& space,
                      const Globals& globals);  // subnet.safetensors, report.html

}  // namespace concertina
