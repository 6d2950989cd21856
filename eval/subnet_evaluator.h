// Scores subnets of a supernet on dev data, for a search.
//
// Subnets that share front end, frame period and width form a group, whose first part of the
// forward pass is run once. Scores are fp32 (the tasks' encoder excepted), in inference mode, and
// do not depend on the grouping or on the number of workers as long as every worker runs intra-op
// 1: pass use_one_thread as the executor's on_worker_start.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eval/distill_score.h"
#include "eval/tasks.h"
#include "eval/teacher_score.h"
#include "search/evaluator.h"
#include "study/latency/model.h"
#include "supernet/model/supernet.h"

namespace concertina {

inline constexpr double kMacsSeconds = 10;  // the workload that `macs` counts

struct SubnetEvaluatorParts {
  std::shared_ptr<const Supernet> supernet;
  std::shared_ptr<const DistillScore> distill;  // gives distill.l1; null: not offered
  std::shared_ptr<const TeacherScore> teacher;  // gives kTeacherMetrics
  std::optional<LatencyModel> latency;          // gives latency.pred_ms
  std::shared_ptr<const Manifest> manifest;     // for the tasks
  TaskOptions tasks;                       // an empty list: none; they cost far more than the rest
  at::ScalarType task_dtype = at::kFloat;  // of the encoder, for the tasks alone
  Fingerprints fingerprints;               // metric_fingerprints() of the above
};

class SubnetEvaluator : public Evaluator {
 public:
  explicit SubnetEvaluator(SubnetEvaluatorParts parts);

  // params, macs (of kMacsSeconds), and what the parts give.
  std::vector<MetricInfo> metrics() const override;
  std::map<std::string, double> known_values(const Architecture& architecture) const override;
  Fingerprints fingerprints() const override;
  std::vector<WorkGroup> plan(std::span<const Proposal> proposals) const override;
  GroupResult run(const WorkGroup& group, const StopToken& stop) const override;

 private:
  bool gives(std::string_view metric) const;
  GroupResult score_group(const WorkGroup& group, const StopToken& stop) const;
  std::vector<TaskScore> task_scores(const Architecture& architecture, const StopToken& stop) const;
  std::vector<TaskScore> teacher_scores(const Subnet& subnet, const StopToken& stop) const;

  SubnetEvaluatorParts parts_;
  std::shared_ptr<const PreparedTasks> tasks_;  // null: none; all workers share it
};

void use_one_thread();

bool is_trained_metric(std::string_view metric);  // of a trained probe: "pr.frame_acc_wsum"

// Of a probe on a random projection (TaskOptions::probe_width): "pr.frame_acc_matched".
bool is_matched_metric(std::string_view metric);

// The tasks behind those of `metrics` that are task metrics, in the order of task_names().
std::vector<std::string> tasks_behind(const std::vector<std::string>& metrics);

}  // namespace concertina
