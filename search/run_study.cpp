#include "search/run_study.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/errors.h"
#include "core/hash.h"
#include "search/front_tracker.h"
#include "search/objective_bounds.h"
#include "study/same_study.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

std::string hash_of(const Fingerprints& fingerprints) {
  return sha256(nlohmann::json(fingerprints).dump());
}

class StudyLoop {
 public:
  StudyLoop(const SearchSpace& space, Searcher& searcher, const Evaluator& evaluator,
            Executor& executor, StudyFile& study, const StudyOptions& options,
            const StopToken& stop, const std::function<void(const StudyProgress&)>& progress)
      : codec_(space),
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
    while (in_generation() || begin_generation()) {
      evaluate();
      if (is_interrupted()) {
        report_.stopped = true;
        return report_;
      }
      fail_if_all_failed();
      if (!is_generation_complete()) break;  // options_.trials ends inside it
      end_generation();
    }
    return report_;
  }

 private:
  void check_study() {
    StudyHeader wanted = study_.header();
    wanted.space_json = json_of(codec_.space());
    wanted.settings = searcher_.settings();
    wanted.fingerprints = evaluator_.fingerprints();
    if (study_.trials().empty()) study_.record(wanted.settings, wanted.fingerprints);
    const std::vector<std::string> differences = study_differences(study_.header(), wanted);
    if (!differences.empty()) {
      throw InputError(fmt::format("this study cannot be resumed: {}; start a new study",
                                   fmt::join(differences, "; ")));
    }
    study_.record(wanted.settings, wanted.fingerprints);  // of metrics that are new
    check_objectives();
  }

  void check_objectives() const {
    const std::vector<MetricInfo> given = evaluator_.metrics();
    std::vector<std::string> names;
    for (const MetricInfo& metric : given) names.push_back(metric.name);
    for (const MetricInfo& objective : objectives_) {
      if (std::find(names.begin(), names.end(), objective.name) != names.end()) continue;
      throw InputError(fmt::format("no evaluator measures the objective '{}'{}", objective.name,
                                   did_you_mean(objective.name, names)));
    }
  }

  void restore() {
    const std::vector<Trial> trials = study_.trials();
    count(trials);
    const auto last = study_.last_generation();
    if (last) {
      generation_ = last->number + 1;
      hypervolume_ = last->hypervolume;
    }
    const auto open = std::ranges::find_if(
        trials, [&](const Trial& trial) { return trial.generation >= generation_; });
    const std::span<const Trial> told(trials.begin(), open);
    front_.add_trials(told);
    if (bounds_.empty() && !told.empty())
      set_bounds(spanned_bounds(objectives_, first_generation(told)));
    if (const auto pending = study_.pending_generation()) {
      searcher_.restore_state(pending->record.searcher_state, told);
      open_generation(pending->proposals);
      for (auto trial = open; trial != trials.end(); ++trial) slot(trial->number) = *trial;
    } else if (last) {
      searcher_.restore_state(last->searcher_state, told);
    }
  }

  // Used for studies of older versions, which have trials and no bounds.
  static std::span<const Trial> first_generation(std::span<const Trial> trials) {
    const auto end = std::ranges::find_if(
        trials, [&](const Trial& t) { return t.generation != trials[0].generation; });
    return {trials.begin(), end};
  }

  void set_bounds(std::vector<ObjectiveBounds> bounds) {
    if (bounds.empty()) return;
    study_.set_bounds(bounds);
    bounds_ = std::move(bounds);
  }

  bool in_generation() const { return !proposals_.empty(); }

  void open_generation(std::vector<Proposal> proposals) {
    proposals_ = std::move(proposals);
    slots_.assign(proposals_.size(), std::nullopt);
  }

  std::optional<Trial>& slot(int64_t number) {
    const int64_t at = number - proposals_.at(0).number;
    CONCERTINA_ASSERT(at >= 0 && at < static_cast<int64_t>(slots_.size()));
    return slots_[static_cast<size_t>(at)];
  }

  // Always asks for a whole generation, so that a study may end inside one and be extended later.
  // False when all trials are done, a stop was requested or the space is exhausted.
  bool begin_generation() {
    if (report_.trials >= options_.trials) return false;
    if (stop_.stop_requested()) {
      report_.stopped = true;
      return false;
    }
    std::vector<Proposal> proposals;
    int64_t number = report_.trials;
    for (Genome& genome : searcher_.ask(searcher_.batch_size())) {
      Architecture architecture = codec_.decode(genome);
      proposals.push_back(
          {number++, std::move(architecture), std::move(genome), options_.fidelity});
    }
    if (proposals.empty()) return false;
    study_.begin_generation(
        {generation_, searcher_.save_state(), hash_of(evaluator_.fingerprints()), 0}, proposals);
    open_generation(std::move(proposals));
    return true;
  }

  std::vector<Proposal> remaining() const {
    std::vector<Proposal> remaining;
    for (size_t i = 0; i < proposals_.size(); ++i) {
      if (!slots_[i] && proposals_[i].number < options_.trials) remaining.push_back(proposals_[i]);
    }
    return remaining;
  }

  // Writes each group's trials as it ends.
  void evaluate() {
    executor_.run(evaluator_, evaluator_.plan(remaining()), stop_, [&](const GroupResult& result) {
      std::vector<Trial> trials;
      for (const Evaluation& evaluation : result) {
        const int64_t at = evaluation.number - proposals_[0].number;
        Trial trial = to_trial(proposals_.at(static_cast<size_t>(at)), evaluation);
        slot(evaluation.number) = trial;
        trials.push_back(std::move(trial));
      }
      study_.add_trials(trials);
      count(trials);
      report_progress();
    });
  }

  bool is_interrupted() const {
    if (remaining().empty()) return false;
    CONCERTINA_ASSERT(stop_.stop_requested());
    return true;
  }

  bool is_generation_complete() const {
    return std::ranges::all_of(slots_, [](const auto& trial) { return trial.has_value(); });
  }

  // An error that makes every subnet fail is not a property of one of them.
  void fail_if_all_failed() {
    if (report_.trials == 0 || report_.failed < report_.trials) return;
    const auto first =
        std::ranges::find_if(slots_, [](const auto& trial) { return trial.has_value(); });
    const std::string reason = first == slots_.end() ? "" : fmt::format(": {}", (*first)->error);
    study_.drop_generation();
    throw NumericError(fmt::format("none of {} subnets could be scored{}", report_.trials, reason));
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

  void end_generation() {
    std::vector<Trial> trials;
    for (std::optional<Trial>& trial : slots_) trials.push_back(std::move(*trial));
    searcher_.tell(trials);
    front_.add_trials(trials);
    if (bounds_.empty()) set_bounds(fixed_bounds(codec_.space(), evaluator_, objectives_, trials));
    hypervolume_ = front_.hypervolume(bounds_);
    study_.end_generation(
        {generation_++, searcher_.save_state(), hash_of(evaluator_.fingerprints()), hypervolume_});
    open_generation({});
    report_progress();
  }

  void count(const std::vector<Trial>& trials) {
    report_.trials += static_cast<int64_t>(trials.size());
    report_.failed += std::count_if(trials.begin(), trials.end(),
                                    [](const Trial& t) { return t.state == TrialState::kFailed; });
  }

  void report_progress() const {
    if (progress_) progress_({report_.trials, options_.trials, hypervolume_, front_.size()});
  }

  const GenomeCodec codec_;
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
  int64_t generation_ = 0;                   // the one that is open, or the next
  std::vector<Proposal> proposals_;          // of the open generation; empty: none is open
  std::vector<std::optional<Trial>> slots_;  // their trials, as far as they ended
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
