#include "eval/subnet_evaluator.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>

#include "core/errors.h"
#include "core/files.h"
#include "supernet/space/cost.h"

namespace concertina {
namespace {

constexpr size_t kLargestGroup =
    4;  // keeps all workers busy when one width takes over a population
constexpr int32_t kScoreVersion = 2;

const MetricInfo kParams{"params", Direction::kMinimise, "params"};
const MetricInfo kMacs{"macs", Direction::kMinimise, "MACs"};
const MetricInfo kLatency{"latency.pred_ms", Direction::kMinimise, "ms"};
const MetricInfo kDistill{kDistillMetric, Direction::kMinimise, ""};

std::string task_of(const std::string& metric) { return metric.substr(0, metric.find('.')); }

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

std::vector<MetricInfo> SubnetEvaluator::metrics() const {
  std::vector<MetricInfo> metrics = {kParams, kMacs};
  if (parts_.latency) metrics.push_back(kLatency);
  if (parts_.distill) metrics.push_back(kDistill);
  for (const MetricInfo& metric : task_metrics()) {
    if (tasks_ && std::ranges::count(tasks_->names(), task_of(metric.name)) > 0)
      metrics.push_back(metric);
  }
  return metrics;
}

std::string SubnetEvaluator::fingerprint() const {
  const TaskOptions& tasks = parts_.tasks;
  return sha256(fmt::format("v{} {} latency {} tasks {} {} {} {} {} {} {}", kScoreVersion,
                            parts_.identity, parts_.latency ? parts_.latency->sha256() : "none",
                            fmt::join(tasks.tasks, ","), tasks.pr_every, tasks.clip_seconds,
                            tasks.asv_trials, tasks.sid_min_clips, tasks.layers,
                            static_cast<int32_t>(parts_.task_dtype)));
}

std::vector<WorkGroup> SubnetEvaluator::plan(std::span<const Proposal> proposals) const {
  std::vector<WorkGroup> groups;
  std::map<std::string, size_t> open;  // by what is shared: the group that still has room
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

std::map<std::string, double> SubnetEvaluator::cheap_values(
    const Architecture& architecture) const {
  const Blueprint& blueprint = parts_.supernet->blueprint();
  const Cost cost =
      cost_of(blueprint, architecture, static_cast<int64_t>(kMacsSeconds * blueprint.sample_rate));
  std::map<std::string, double> values = {{kParams.name, static_cast<double>(cost.params)},
                                          {kMacs.name, static_cast<double>(cost.macs)}};
  if (parts_.latency) values[kLatency.name] = parts_.latency->predict_ms(architecture);
  return values;
}

std::vector<TaskScore> SubnetEvaluator::task_scores(const Architecture& architecture,
                                                    const StopToken& stop) const {
  if (!tasks_) return {};
  const FeatureExtractor features =
      subnet_features(parts_.supernet->slice(architecture, parts_.task_dtype));
  return tasks_->score(features, Intervals::kNone, stop);
}

GroupResult SubnetEvaluator::run(const WorkGroup& group, const StopToken& stop) const {
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
                          .values = cheap_values(subnets[i].architecture)};
    if (parts_.distill) evaluation.values[kDistill.name] = losses[i];
    try {
      for (const TaskScore& score : task_scores(subnets[i].architecture, stop))
        evaluation.values[score.metric] = score.value;
    } catch (const Interrupted&) {
      break;
    }
    evaluation.wall_s = shared_s + seconds_since(start);
    result.push_back(std::move(evaluation));
  }
  return result;
}

void use_one_thread() { at::set_num_threads(1); }

std::vector<MetricInfo> evaluator_metrics() {
  std::vector<MetricInfo> metrics = {kParams, kMacs, kLatency, kDistill};
  std::ranges::move(task_metrics(), std::back_inserter(metrics));
  return metrics;
}

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
