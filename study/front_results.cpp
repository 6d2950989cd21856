#include "study/front_results.h"

#include <algorithm>

namespace concertina {
namespace {

void add_member(FrontResults& results, const Architecture& architecture) {
  if (!results.test.contains(architecture) && !results.times.contains(architecture))
    results.members.push_back(architecture);
}

void read_test(const StudyFile& study, FrontResults& results) {
  const std::vector<TestLook> looks = study.looks();
  results.looks = static_cast<int64_t>(looks.size());
  for (const TestLook& look : looks) {
    if (look.fingerprint != looks.back().fingerprint) continue;
    for (const FrontScore& member : look.members) {
      add_member(results, member.architecture);
      results.test[member.architecture] = member.scores;
    }
  }
}

void read_times(const StudyFile& study, FrontResults& results) {
  const std::vector<FreshTime> times = study.fresh_times();
  if (!times.empty()) results.workload = times.back().time;
  for (const FreshTime& fresh : times) {
    if (!same_workload(fresh.time, *results.workload)) continue;
    add_member(results, fresh.time.architecture);
    results.times.insert_or_assign(fresh.time.architecture, fresh);
  }
}

}  // namespace

SubnetResults FrontResults::of(const Architecture& architecture) const {
  SubnetResults subnet;
  if (const auto scored = test.find(architecture); scored != test.end())
    subnet.test = scored->second;
  if (const auto timed = times.find(architecture); timed != times.end())
    subnet.time = timed->second;
  if (!model) return subnet;
  subnet.predicted_ms = model->predict_ms(architecture);
  subnet.corrected_ms = *subnet.predicted_ms * (check ? check->scale : 1);
  if (subnet.time && same_workload(subnet.time->time, model->workload())) {
    const double measured = subnet.time->time.p50_ms;
    subnet.prediction_error = (*subnet.predicted_ms - measured) / measured;
  }
  return subnet;
}

TimeTerms FrontResults::time_terms(const TimeLimit& limit) const {
  TimeTerms terms;
  if (check) terms.scale = check->scale;
  double own = 0;
  if (model) {
    terms.workload = model->workload();
    if (model->held_out()) own = std::max(0.0, model->held_out()->high - 1);
  }
  terms.margin = limit.margin.value_or(own);
  return terms;
}

FrontResults front_results(const StudyFile& study) {
  FrontResults results;
  read_test(study, results);
  read_times(study, results);
  if (const auto record = study.latency_model())
    results.model = LatencyModel::from_json(record->json);
  if (const auto checks = study.latency_checks(); !checks.empty()) results.check = checks.back();
  return results;
}

void add_results(const FrontResults& results, std::span<Trial> trials) {
  if (results.test.empty() && results.times.empty()) return;
  for (Trial& trial : trials) {
    if (trial.state != TrialState::kComplete) continue;
    if (const auto scored = results.test.find(trial.architecture); scored != results.test.end()) {
      for (const auto& [name, score] : scored->second) {
        const Metric* metric = find_metric(name);
        const bool of_split = metric == nullptr || metric->scored_on == ScoredOn::kClips;
        if (of_split) trial.values.emplace("test." + name, score.value);
      }
    }
    if (const auto timed = results.times.find(trial.architecture); timed != results.times.end())
      trial.values.emplace("latency.p50_ms", timed->second.time.p50_ms);
  }
}

}  // namespace concertina
