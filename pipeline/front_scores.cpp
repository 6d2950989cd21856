#include "pipeline/front_scores.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/hash.h"
#include "core/log.h"
#include "core/progress.h"
#include "eval/latency.h"
#include "eval/task_data.h"
#include "eval/task_kinds.h"
#include "pipeline/front_text.h"
#include "pipeline/study_setup.h"
#include "study/front_members.h"
#include "study/front_results.h"
#include "study/latency/check.h"
#include "supernet/nn/precision.h"

namespace concertina {
namespace {

constexpr int32_t kRounds = 3;

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

// What is scored on test: the tasks of search.front.score, and what the search measures without them.
std::vector<std::string> scored_metrics(const SearchConfig& search) {
  std::vector<std::string> metrics = searched_metrics(search);
  metrics.insert(metrics.end(), search.front_score.begin(), search.front_score.end());
  return metrics;
}

class TestScorer {
 public:
  TestScorer(const SearchInputs& inputs, const StopToken& stop)
      : inputs_(inputs),
        stop_(stop),
        metrics_(scored_metrics(inputs.config.search)),
        distill_(distill_score(inputs, Split::kTest)),
        teacher_(teacher_score(inputs, metrics_, Split::kTest, stop)),
        tasks_(tasks_for(inputs.config, *inputs.manifest, inputs.config.search.front_score,
                         Split::kTest)) {
    if (!tasks_.tasks.empty()) prepared_.emplace(*inputs.manifest, tasks_, Split::kTest, stop);
  }

  bool scores_anything() const { return distill_ || teacher_ || !tasks_.tasks.empty(); }

  // Everything but the architecture that a score depends on, by metric.
  std::string scored_with() const {
    Fingerprints facts = score_fingerprints(inputs_.config, inputs_.workspace, *inputs_.manifest,
                                            metrics_, tasks_, nullptr);
    std::erase_if(facts, [&](const auto& metric) { return !is_scored(metric.first); });
    nlohmann::json json = {{"data", inputs_.manifest->fingerprint()}, {"metrics", facts}};
    for (const std::string& task : tasks_.tasks) {
      const Manifest clips = task_manifest(*inputs_.manifest, tasks_, task);
      if (tasks_.data.contains(task)) json["data of " + task] = clips.fingerprint();
      const TaskKind& kind = task_kind(task);
      if (kind.test_facts == nullptr) continue;
      for (const auto& [name, value] : kind.test_facts(clips)) json[name] = value;
    }
    return json.dump();
  }

  FrontScore score(const Architecture& architecture) const {
    FrontScore scored{architecture, {}};
    const Supernet& supernet = *inputs_.supernet;
    if (distill_) scored.scores[kDistillMetric] = {distill_->score(supernet.slice(architecture))};
    const auto keep = [&](const std::vector<TaskScore>& scores) {
      for (const TaskScore& score : scores) {
        if (is_scored(score.metric))
          scored.scores[score.metric] = {score.value, score.low, score.high, score.setting};
      }
    };
    if (teacher_) keep(teacher_->score(subnet_features(supernet.slice(architecture)), stop_));
    if (!prepared_) return scored;
    const auto features = subnet_features(supernet.slice(architecture, scalar_type(tasks_.dtype)));
    keep(prepared_->score(features, Intervals::kBootstrap, stop_));
    return scored;
  }

 private:
  bool is_scored(const std::string& metric) const {
    return (metric == kDistillMetric && distill_) ||
           (is_teacher_metric(metric) && std::ranges::count(metrics_, metric) > 0) ||
           std::ranges::count(inputs_.config.search.front_score, metric) > 0;
  }

  const SearchInputs& inputs_;
  const StopToken& stop_;
  std::vector<std::string> metrics_;
  std::shared_ptr<const DistillScore> distill_;
  std::shared_ptr<const TeacherScore> teacher_;
  TaskOptions tasks_;
  std::optional<PreparedTasks> prepared_;  // empty: no tasks
};

std::vector<Architecture> members_of(const SearchInputs& inputs, const StudyFile& study,
                                     std::span<const Architecture> also) {
  std::vector<Architecture> members =
      named_members(study, inputs.config.search.front_keep, inputs.config.budgets);
  for (const Architecture& architecture : also)
    if (std::ranges::count(members, architecture) == 0) members.push_back(architecture);
  return members;
}

// False when all members have been scored like this.
bool look_at_test(const TestScorer& scorer, const std::string& scored_with,
                  std::vector<Architecture> members, StudyFile& study) {
  TestLook look{utc_now(), scored_with, sha256(scored_with), {}};
  const std::vector<TestLook> looks = study.looks();
  if (!looks.empty() && looks.back().fingerprint == look.fingerprint) {
    const FrontResults there = front_results(study);
    std::erase_if(members, [&](const Architecture& a) { return there.test.contains(a); });
  }
  if (members.empty()) return false;
  Progress bar("front on test", static_cast<int64_t>(members.size()));
  for (const Architecture& member : members) {
    look.members.push_back(scorer.score(member));
    bar.advance();
  }
  study.add_look(look);
  return true;
}

void check_model(StudyFile& study) {
  const FrontResults results = front_results(study);
  if (!results.model) return;
  std::vector<LatencyPoint> times;
  for (const auto& [member, fresh] : results.times) times.push_back(fresh.time);
  LatencyCheck check = check_latency(*results.model, times);
  if (check.times == 0) return;
  check.date = utc_now();
  study.add_latency_check(check);
  if (const std::string text = correction_text(front_results(study)); !text.empty())
    log_warn("{}", text);
}

// False when all members have been timed on this machine with the configured workload.
bool time_members(const SearchInputs& inputs, std::vector<Architecture> members, StudyFile& study,
                  const StopToken& stop) {
  const LatencyOptions& options = inputs.config.latency;
  const FrontResults there = front_results(study);
  std::erase_if(members, [&](const Architecture& member) {
    const auto found = there.times.find(member);
    if (found == there.times.end()) return false;
    const LatencyPoint& time = found->second.time;
    return time.device == cpu_name() && time.threads == options.threads &&
           time.seconds == options.seconds && time.dtype == enum_name(options.dtype);
  });
  if (members.empty()) return false;
  std::vector<FreshTime> fresh;
  for (LatencyPoint& time : profile_latency(*inputs.supernet, members, options, stop))
    fresh.push_back({utc_now(), std::move(time)});
  study.add_fresh_times(fresh);
  check_model(study);
  return true;
}

}  // namespace

void score_front(const SearchInputs& inputs, StudyFile& study, std::span<const Architecture> also,
                 const StopToken& stop) {
  const TestScorer scorer(inputs, stop);
  const std::string scored_with = scorer.scored_with();
  if (const std::filesystem::path& pipeline = inputs.config.file; !pipeline.empty())
    study.add_artefact({kPipelineArtefact, pipeline.string(), sha256_file(pipeline)});
  for (int32_t round = 0; round < kRounds; ++round) {
    const std::vector<Architecture> members = members_of(inputs, study, also);
    const bool scored =
        scorer.scores_anything() && look_at_test(scorer, scored_with, members, study);
    if (!time_members(inputs, members, study, stop) && !scored) return;
  }
}

}  // namespace concertina
