#include "eval/subnet_evaluator.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <algorithm>
#include <chrono>

#include "core/errors.h"
#include "supernet/space/cost.h"

namespace concertina {
namespace {

// Keeps all workers busy when one width takes over a population.
constexpr size_t kLargestGroup = 4;

constexpr const char* kParams = "params";
constexpr const char* kMacs = "macs";
constexpr const char* kLatency = "latency.pred_ms";

std::string_view task_of(std::string_view metric) { return metric.substr(0, metric.find('.')); }

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

SubnetEvaluator::SubnetEvaluator(SubnetEvaluatorParts parts) : parts_(std::move(parts)) {
  CONCERTINA_ASSERT(parts_.supernet != nullptr);
  CONCERTINA_ASSERT(parts_.tasks.tasks.empty() || parts_.manifest != nullptr);
  if (!parts_.tasks.tasks.empty())
    tasks_ = std::make_shared<PreparedTasks>(*parts_.manifest, parts_.tasks, Split::kDev);
}

bool SubnetEvaluator::gives(std::string_view metric) const {
  if (metric == kParams || metric == kMacs) return true;
  if (metric == kLatency) return parts_.latency.has_value();
  if (metric == kDistillMetric) return parts_.distill != nullptr;
  if (is_teacher_metric(metric)) return parts_.teacher != nullptr;
  if (is_trained_metric(metric) && !parts_.tasks.trained) return false;
  if (is_matched_metric(metric) && parts_.tasks.probe_width == 0) return false;
  return tasks_ && std::ranges::count(tasks_->names(), task_of(metric)) > 0;
}

std::vector<MetricInfo> SubnetEvaluator::metrics() const {
  std::vector<MetricInfo> metrics;
  for (const Metric& metric : known_metrics())
    if (gives(metric.name)) metrics.push_back(metric.info());
  return metrics;
}

Fingerprints SubnetEvaluator::fingerprints() const {
  Fingerprints fingerprints;
  for (const MetricInfo& metric : metrics()) {
    const auto known = parts_.fingerprints.find(metric.name);
    if (known != parts_.fingerprints.end()) fingerprints.insert(*known);
  }
  return fingerprints;
}

std::vector<WorkGroup> SubnetEvaluator::plan(std::span<const Proposal> proposals) const {
  std::vector<WorkGroup> groups;
  std::map<std::string, size_t> open;  // by what is shared: the group that is not full
  for (const Proposal& proposal : proposals) {
    const std::string key = shared_front_key(proposal.architecture);
    const auto found = open.find(key);
    if (found == open.end() || groups[found->second].proposals.size() == kLargestGroup) {
      open[key] = groups.size();
      groups.emplace_back();
    }
    groups[open[key]].proposals.push_back(proposal);
  }
  return groups;
}

std::map<std::string, double> SubnetEvaluator::known_values(
    const Architecture& architecture) const {
  const Blueprint& blueprint = parts_.supernet->blueprint();
  const Cost cost =
      cost_of(blueprint, architecture, static_cast<int64_t>(kMacsSeconds * blueprint.sample_rate));
  std::map<std::string, double> values = {{kParams, static_cast<double>(cost.params)},
                                          {kMacs, static_cast<double>(cost.macs)}};
  if (parts_.latency) values[kLatency] = parts_.latency->predict_ms(architecture);
  return values;
}

std::vector<TaskScore> SubnetEvaluator::task_scores(const Architecture& architecture,
                                                    const StopToken& stop) const {
  if (!tasks_) return {};
  const FeatureExtractor features =
      subnet_features(parts_.supernet->slice(architecture, parts_.task_dtype));
  return tasks_->score(features, Intervals::kNone, stop);
}

std::vector<TaskScore> SubnetEvaluator::teacher_scores(const Subnet& subnet,
                                                       const StopToken& stop) const {
  if (!parts_.teacher) return {};
  return parts_.teacher->score(subnet_features(subnet), stop);
}

GroupResult SubnetEvaluator::run(const WorkGroup& group, const StopToken& stop) const {
  try {
    return score_group(group, stop);
  } catch (const c10::Error& error) {  // its what() holds a backtrace
    throw NumericError(error.what_without_backtrace());
  }
}

GroupResult SubnetEvaluator::score_group(const WorkGroup& group, const StopToken& stop) const {
  const c10::InferenceMode guard;
  const auto group_start = std::chrono::steady_clock::now();
  std::vector<Subnet> subnets;
  for (const Proposal& proposal : group.proposals)
    subnets.push_back(parts_.supernet->slice(proposal.architecture));
  std::vector<double> losses;
  if (parts_.distill) losses = parts_.distill->scores(subnets);
  const double shared_s = seconds_since(group_start) / static_cast<double>(subnets.size());

  GroupResult result;
  for (size_t i = 0; i < subnets.size(); ++i) {
    if (stop.stop_requested()) break;
    const auto start = std::chrono::steady_clock::now();
    Evaluation evaluation{.number = group.proposals[i].number,
                          .values = known_values(subnets[i].architecture)};
    if (parts_.distill) evaluation.values[kDistillMetric] = losses[i];
    try {
      for (const auto& scores :
           {teacher_scores(subnets[i], stop), task_scores(subnets[i].architecture, stop)}) {
        for (const TaskScore& score : scores) evaluation.values[score.metric] = score.value;
      }
    } catch (const Interrupted&) {
      break;
    }
    evaluation.wall_s = shared_s + seconds_since(start);
    result.push_back(std::move(evaluation));
  }
  return result;
}

bool is_trained_metric(std::string_view metric) { return metric.ends_with("_wsum"); }

bool is_matched_metric(std::string_view metric) { return metric.ends_with("_matched"); }

void use_one_thread() { at::set_num_threads(1); }

std::vector<std::string> tasks_behind(const std::vector<std::string>& metrics) {
  std::vector<std::string> tasks;
  for (const std::string& task : task_names()) {
    const bool asked = std::ranges::any_of(
        metrics, [&](const std::string& metric) { return task_of(metric) == task; });
    if (asked) tasks.push_back(task);
  }
  return tasks;
}

}  // namespace concertina
