#include "search/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.h"
#include "search/front_tracker.h"

namespace concertina {
namespace {

class StudyLoop {
 public:
  StudyLoop(const SearchSpace& space, Searcher& searcher, const Evaluator& evaluator,
            Executor& executor, StudyFile& study, const StudyOptions& options,
            const StopToken& stop, const std::function<void(const StudyProgress&)>& progress)
      : space_(space),
        searcher_(searcher),
        evaluator_(evaluator),
        executor_(executor),
        study_(study),
        options_(options),
        stop_(stop),
        progress_(progress),
        objectives_(study.header().objectives),
        bounds_(study.header().bounds),
        front_(objectives_) {}

  StudyReport run() {
    check_study();
    restore();
    while (report_.trials < options_.trials) {
      if (stop_.stop_requested()) return stopped();
      const std::vector<Proposal> proposals = ask();
      if (proposals.empty()) break;  // the space is used up
      const auto trials = evaluate(proposals);
      if (!trials) return stopped();
      searcher_.tell(*trials);
      commit(*trials);
    }
    return report_;
  }

 private:
  void check_study() const {
    if (study_.header().space_json != space_.to_json()) {
      throw InputError(
          "the study was made for another search space: start a new study, or go back to its "
          "space");
    }
    const std::vector<MetricInfo> given = evaluator_.metrics();
    std::vector<std::string> names;
    for (const MetricInfo& metric : given) names.push_back(metric.name);
    for (const MetricInfo& objective : objectives_) {
      if (std::find(names.begin(), names.end(), objective.name) != names.end()) continue;
      throw InputError(fmt::format("nothing measures the objective '{}'{}", objective.name,
                                   did_you_mean(objective.name, names)));
    }
    const auto last = study_.last_generation();
    if (last && last->evaluator != evaluator_.fingerprint()) {
      throw InputError(
          "the study was scored on another model, data or settings than these: start a new study");
    }
  }

  void restore() {
    const auto last = study_.last_generation();
    if (!last) return;
    const std::vector<Trial> told = study_.trials();
    searcher_.restore_state(last->searcher_state, told);
    front_.add(told);
    if (bounds_.empty()) keep_bounds(spanned_bounds(objectives_, first_generation(told)));
    generation_ = last->number + 1;
    hypervolume_ = last->hypervolume;
    count(told);
  }

  // Only a study of an older version has trials and no bounds.
  static std::span<const Trial> first_generation(std::span<const Trial> trials) {
    const auto end = std::ranges::find_if(
        trials, [&](const Trial& t) { return t.generation != trials[0].generation; });
    return {trials.begin(), end};
  }

  void keep_bounds(std::vector<ObjectiveBounds> bounds) {
    if (bounds.empty()) return;
    study_.set_bounds(bounds);
    bounds_ = std::move(bounds);
  }

  std::vector<Proposal> ask() {
    std::vector<Proposal> proposals;
    int64_t number = report_.trials;
    for (Genome& genome :
         searcher_.ask(std::min(searcher_.batch_size(), options_.trials - report_.trials))) {
      Architecture architecture = space_.decode(genome);
      proposals.push_back({number++, std::move(architecture), std::move(genome)});
    }
    return proposals;
  }

  // In ask order; nothing when a stop came first.
  std::optional<std::vector<Trial>> evaluate(const std::vector<Proposal>& proposals) {
    const int64_t first = proposals[0].number;
    std::vector<std::optional<Trial>> slots(proposals.size());
    int64_t done = 0;
    executor_.run(evaluator_, evaluator_.plan(proposals), stop_, [&](const GroupResult& result) {
      for (const Evaluation& evaluation : result) {
        const int64_t slot = evaluation.number - first;
        CONCERTINA_ASSERT(slot >= 0 && slot < static_cast<int64_t>(slots.size()));
        slots[static_cast<size_t>(slot)] =
            to_trial(proposals[static_cast<size_t>(slot)], evaluation);
        ++done;
      }
      report_progress(done);
    });
    std::vector<Trial> trials;
    for (std::optional<Trial>& slot : slots) {
      if (!slot) {
        CONCERTINA_ASSERT(stop_.stop_requested());
        return std::nullopt;
      }
      trials.push_back(std::move(*slot));
    }
    return trials;
  }

  Trial to_trial(const Proposal& proposal, const Evaluation& evaluation) const {
    Trial trial;
    trial.number = proposal.number;
    trial.architecture = proposal.architecture;
    trial.genome = proposal.genome;
    trial.fidelity = proposal.fidelity;
    trial.generation = generation_;
    trial.worker = evaluation.worker;
    trial.wall_s = evaluation.wall_s;
    trial.error = evaluation.error.empty() ? missing_objective(evaluation) : evaluation.error;
    if (trial.error.empty())
      trial.values = evaluation.values;
    else
      trial.state = TrialState::kFailed;
    return trial;
  }

  std::string missing_objective(const Evaluation& evaluation) const {
    for (const MetricInfo& objective : objectives_) {
      const auto found = evaluation.values.find(objective.name);
      if (found == evaluation.values.end())
        return fmt::format("{} was not measured", objective.name);
      if (!std::isfinite(found->second))
        return fmt::format("{} is {}", objective.name, found->second);
    }
    return "";
  }

  void commit(const std::vector<Trial>& trials) {
    front_.add(trials);
    if (bounds_.empty()) keep_bounds(fixed_bounds(space_, evaluator_, objectives_, trials));
    hypervolume_ = front_.volume(bounds_);
    study_.commit_generation(
        trials, {generation_++, searcher_.save_state(), evaluator_.fingerprint(), hypervolume_});
    count(trials);
    report_progress(0);
  }

  void count(const std::vector<Trial>& trials) {
    report_.trials += static_cast<int64_t>(trials.size());
    report_.failed += std::count_if(trials.begin(), trials.end(),
                                    [](const Trial& t) { return t.state == TrialState::kFailed; });
  }

  void report_progress(int64_t uncommitted) const {
    if (progress_)
      progress_({report_.trials + uncommitted, options_.trials, hypervolume_, front_.size()});
  }

  StudyReport stopped() {
    report_.stopped = true;
    return report_;
  }

  const SearchSpace& space_;
  Searcher& searcher_;
  const Evaluator& evaluator_;
  Executor& executor_;
  StudyFile& study_;
  const StudyOptions& options_;
  const StopToken& stop_;
  const std::function<void(const StudyProgress&)>& progress_;
  std::vector<MetricInfo> objectives_;
  std::vector<ObjectiveBounds> bounds_;
  FrontTracker front_;
  StudyReport report_;
  int64_t generation_ = 0;
  double hypervolume_ = 0;
};

}  // namespace

StudyReport run_study(const SearchSpace& space, Searcher& searcher, const Evaluator& evaluator,
                      Executor& executor, StudyFile& study, const StudyOptions& options,
                      const StopToken& stop,
                      const std::function<void(const StudyProgress&)>& progress) {
  return StudyLoop(space, searcher, evaluator, executor, study, options, stop, progress).run();
}

}  // namespace concertina
