// Speaker verification: cosine and PLDA of mean-pooled clips.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "eval/asv_trials.h"
#include "eval/task.h"

namespace concertina {
namespace {

// What is done to a pooled clip before the cosine, by the training clips' mean and spread; chosen
// by trials among them.
enum class Pooling { kPlain, kCentred, kStandardised };

const char* name_of(Pooling pooling) {
  if (pooling == Pooling::kPlain) return "plain";
  return pooling == Pooling::kCentred ? "centred" : "standardised";
}

struct Setting {
  int64_t layer = 0;
  Pooling pooling = Pooling::kCentred;
};

struct CosineChoice {
  Setting best;
  std::vector<double> rates;  // of each layer on train's trials, with its best pooling
};

struct VerificationTask : Task {
  VerificationTask(TrialSet of_train, TrialSet of_split, LayerRule layer_rule)
      : training(std::move(of_train)), scored(std::move(of_split)), rule(layer_rule) {
    for (const TrialSet* set : {&training, &scored}) {
      for (const Speaking& clip : set->clips) wanted.insert(clip.clip);
    }
  }
  bool wants(int64_t clip) const override { return wanted.contains(clip); }
  std::unique_ptr<TaskRun> start() const override;
  std::string content() const override;

  TrialSet training, scored;
  LayerRule rule;
  std::set<int64_t> wanted;
};

std::string VerificationTask::content() const {
  std::set<int64_t> speakers;
  for (const Speaking& clip : scored.clips) speakers.insert(clip.speaker);
  const auto targets = std::ranges::count(scored.trials, true, &VerificationTrial::target);
  return fmt::format("{} speakers, {} target and {} other trials", speakers.size(), targets,
                     std::ssize(scored.trials) - targets);
}

// Mean-pooled clips of one set, [n, L, D], in the order of its clips.
at::Tensor stacked(const TrialSet& set, const std::map<int64_t, at::Tensor>& means) {
  std::vector<at::Tensor> rows;
  for (const Speaking& clip : set.clips) rows.push_back(means.at(clip.clip));
  return at::stack(rows);
}

struct PooledMoments {
  at::Tensor mean, scale;  // [L, D] float, of the training clips
  explicit PooledMoments(const at::Tensor& training) {
    const at::Tensor clips = training.to(at::kDouble);
    const at::Tensor average = clips.mean(0);
    const at::Tensor variance = clips.square().mean(0) - average.square();
    mean = average.to(at::kFloat);
    scale = variance.clamp_min(1e-12).rsqrt().to(at::kFloat);
  }
};

at::Tensor pooled(const at::Tensor& clips, const PooledMoments& moments, const Setting& setting) {
  const at::Tensor plain = clips.select(1, setting.layer);
  if (setting.pooling == Pooling::kPlain) return plain;
  const at::Tensor centred = plain - moments.mean[setting.layer];
  return setting.pooling == Pooling::kCentred ? centred : centred * moments.scale[setting.layer];
}

class VerificationRun : public TaskRun {
 public:
  explicit VerificationRun(const VerificationTask& task) : task_(task) {}

  void add(int64_t clip, const ClipFeatures& features) override {
    means_[clip] = features.layers.mean(1);
  }

  std::vector<TaskScore> scores(Intervals intervals) const override {
    const at::Tensor training = stacked(task_.training, means_);
    const at::Tensor scored = stacked(task_.scored, means_);
    std::vector<TaskScore> scores = by_cosine(training, scored, intervals);
    std::ranges::move(by_plda(training, scored, intervals), std::back_inserter(scores));
    return scores;
  }

 private:
  std::vector<TaskScore> by_cosine(const at::Tensor& training, const at::Tensor& scored,
                                   Intervals intervals) const {
    const PooledMoments moments(training);
    const auto [best, rates] = chosen(training, moments);
    const std::string setting =
        fmt::format("{}, {}, chosen on {} trials of train", layer_name(best.layer, task_.rule),
                    name_of(best.pooling), task_.training.trials.size());
    return verification_scores(scored_by_cosine(task_.scored.trials, pooled(scored, moments, best)),
                               rates, "", setting, intervals);
  }

  std::vector<TaskScore> by_plda(const at::Tensor& training, const at::Tensor& scored,
                                 Intervals intervals) const {
    const PldaTrials plda = scored_by_plda(task_.training, training, task_.scored, scored);
    const std::string setting =
        fmt::format("{}, shrinkage {:g}, chosen on {} folds of train's speakers",
                    layer_name(plda.layer, task_.rule), plda.shrinkage, plda.folds);
    return verification_scores(plda.trials, plda.rates, "_plda", setting, intervals);
  }

  // `rates`: of each layer on train.
  std::vector<TaskScore> verification_scores(const std::vector<VerificationTrial>& trials,
                                             const std::vector<double>& rates,
                                             const std::string& suffix, const std::string& setting,
                                             Intervals intervals) const {
    TaskScore rate{
        .metric = "asv.eer" + suffix, .value = 100 * equal_error_rate(trials), .setting = setting};
    TaskScore cost{
        .metric = "asv.min_dcf" + suffix, .value = min_detection_cost(trials), .setting = setting};
    rate.trials = trials;
    rate.trial_clips = std::ssize(task_.scored.clips);
    for (const double of_layer : rates) rate.layers.push_back(100 * of_layer);
    if (intervals == Intervals::kBootstrap) {
      const auto [of_rate, of_cost] =
          bootstrap_verification(trials, rate.trial_clips, Rng(0).fork("bootstrap asv.eer"));
      rate.low = 100 * of_rate.low;
      rate.high = 100 * of_rate.high;
      cost.low = of_cost.low;
      cost.high = of_cost.high;
    }
    return {rate, cost};
  }

  CosineChoice chosen(const at::Tensor& training, const PooledMoments& moments) const {
    double least = 2;
    CosineChoice choice;
    for (int64_t l = 0; l < training.size(1); ++l) {
      choice.rates.push_back(1);
      for (const Pooling pooling : {Pooling::kCentred, Pooling::kStandardised, Pooling::kPlain}) {
        const Setting setting{l, pooling};
        const double rate = equal_error_rate(
            scored_by_cosine(task_.training.trials, pooled(training, moments, setting)));
        choice.rates.back() = std::min(choice.rates.back(), rate);
        if (rate >= least) continue;
        least = rate;
        choice.best = setting;
      }
    }
    return choice;
  }

  const VerificationTask& task_;
  std::map<int64_t, at::Tensor> means_;  // [L, D] by clip
};

std::unique_ptr<TaskRun> VerificationTask::start() const {
  return std::make_unique<VerificationRun>(*this);
}

PreparedTask prepare_asv(const Manifest& manifest, const TaskOptions& options, Split split) {
  const SpeakerClips picked = pick_speakers(manifest, options.sid_min_clips);
  if (!picked.missing.empty()) return {nullptr, picked.missing};
  TrialSet training = trials_of(manifest, picked, options, Split::kTrain);
  TrialSet scored = trials_of(manifest, picked, options, split);
  for (const auto& [set, part] : {std::pair(&training, Split::kTrain), std::pair(&scored, split)}) {
    if (std::string missing = what_trials_miss(*set, part); !missing.empty())
      return {nullptr, std::move(missing)};
  }
  return {
      std::make_unique<VerificationTask>(std::move(training), std::move(scored), options.layers),
      ""};
}

Facts asv_facts(const Manifest& manifest, const TaskOptions& options) {
  Facts facts = speaker_facts(manifest, options);
  facts["tasks.asv_trials"] = fmt::format("{}", options.asv_trials);
  return facts;
}

}  // namespace

const TaskKind kVerificationTask = {.name = "asv",
                                    .labels = "several speakers with several groups each",
                                    .prepare = prepare_asv,
                                    .facts = asv_facts,
                                    .test_facts = nullptr,
                                    .same_text_leaks = false,
                                    .fidelity_version = kFidelityVersion};

}  // namespace concertina
