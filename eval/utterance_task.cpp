#include "eval/utterance_task.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <utility>

#include "core/errors.h"
#include "core/log.h"
#include "eval/folds.h"

namespace concertina {
namespace {

struct Use {
  int64_t label = 0;
  bool training = false;
  int32_t fold = 0;  // of training clips
};

// Pooled clips of one part.
struct Pooled {
  std::vector<at::Tensor> clips;  // [L, 2 D] each
  std::vector<int64_t> classes;
  std::vector<int32_t> folds;

  at::Tensor layer(int64_t l) const {
    std::vector<at::Tensor> rows;
    for (const at::Tensor& clip : clips) rows.push_back(clip[l]);
    return at::stack(rows);
  }
  at::Tensor labels() const { return at::tensor(classes, at::kLong); }

  FoldSums fold_sums(int64_t l, int64_t count) const {
    const at::Tensor features = layer(l), target = labels();
    const at::Tensor fold_of = at::tensor(folds, at::kInt);
    FoldSums sums(count);
    for (int32_t fold = 0; fold < kFolds; ++fold) {
      const at::Tensor rows = fold_of.eq(fold).nonzero().squeeze(1);
      sums.add(fold, features.index_select(0, rows), target.index_select(0, rows));
    }
    return sums;
  }
};

ClipHits clip_hits(const LinearProbe& probe, const at::Tensor& features, const at::Tensor& labels) {
  const at::Tensor right = probe.scores(features).argmax(1).eq(labels).to(at::kDouble).contiguous();
  const double* first = right.const_data_ptr<double>();
  std::vector<double> hits(first, first + right.numel());
  return {hits, std::vector<double>(hits.size(), 1.0)};
}

struct UtteranceTask : Task {
  bool wants(int64_t clip) const override { return uses.contains(clip); }
  std::unique_ptr<TaskRun> start() const override;
  std::string trained_metric() const override { return name + ".acc_wsum"; }
  int64_t class_count() const override { return classes; }
  std::string content() const override { return fmt::format("{} {}s", classes, column); }
  ClipLabels labels(int64_t index, const ClipFeatures&) const override {
    const Use& use = uses.at(index);
    return {use.training, use.fold, at::tensor(std::vector<int64_t>{use.label}, at::kLong)};
  }

  std::string name, column;
  std::map<int64_t, Use> uses;  // by index into the manifest
  int64_t classes = 0;
  LayerRule rule = LayerRule::kBest;
  int64_t width = 0;  // TaskOptions::probe_width
};

class UtteranceRun : public TaskRun {
 public:
  explicit UtteranceRun(const UtteranceTask& task) : task_(task) {}

  void add(int64_t index, const ClipFeatures& features) override {
    const Use& use = task_.uses.at(index);
    Pooled& pooled = use.training ? training_ : scored_;
    const at::Tensor mean = features.layers.mean(1);
    // Two plain means: ATen's own deviation walks the frames one by one.
    const at::Tensor spread =
        (features.layers.square().mean(1) - mean.square()).clamp_min(0).sqrt();
    pooled.clips.push_back(at::cat({mean, spread}, 1));
    pooled.classes.push_back(use.label);
    pooled.folds.push_back(use.fold);
  }

  void fit() override {
    constexpr std::array<ProbeKind, 2> kClipProbes = {ProbeKind::kLda, ProbeKind::kRidge};
    chosen_ = choose_probes(
        kClipProbes, training_.clips.front().size(0),
        [&](int64_t layer) { return training_.fold_sums(layer, task_.classes); },
        2 * task_.width);  // mean and deviation
    training_ = {};
  }

  std::vector<TaskScore> scores(Intervals intervals) const override {
    constexpr std::array<const char*, 4> kNames = {".acc", ".acc_ridge", ".acc_matched",
                                                   ".acc_ridge_matched"};
    CONCERTINA_ASSERT(!chosen_.empty());
    std::vector<TaskScore> scores;
    for (const ChosenProbe& each : chosen_) {
      const ClipHits hits = clip_hits(each.probe, scored_.layer(each.layer), scored_.labels());
      scores.push_back(
          score_of(task_.name + kNames.at(scores.size()), hits, each, task_.rule, intervals));
    }
    return scores;
  }

 private:
  const UtteranceTask& task_;
  Pooled training_, scored_;
  std::vector<ChosenProbe> chosen_;
};

std::unique_ptr<TaskRun> UtteranceTask::start() const {
  return std::make_unique<UtteranceRun>(*this);
}

// The clips that are long enough, by split.
struct Parts {
  std::vector<ClipClass> training, scored;
};

Parts parts_of(const Manifest& manifest, const std::vector<ClipClass>& clips, Split split) {
  Parts parts;
  for (const ClipClass& clip : clips) {
    const Clip& row = manifest.clips[static_cast<size_t>(clip.first)];
    if (row.samples < kShortestClip) continue;
    if (row.split == Split::kTrain) parts.training.push_back(clip);
    if (row.split == split) parts.scored.push_back(clip);
  }
  return parts;
}

std::set<int64_t> labels_of(const std::vector<ClipClass>& clips) {
  std::set<int64_t> labels;
  for (const ClipClass& clip : clips) labels.insert(clip.second);
  return labels;
}

std::string what_is_missing(const UtteranceClasses& classes, const Parts& parts, Split split) {
  const std::set<int64_t> training = labels_of(parts.training), scored = labels_of(parts.scored);
  if (training.empty() || scored.empty())
    return fmt::format("none of the {} has a clip in split {} (column 'split')", classes.all,
                       split_name(training.empty() ? Split::kTrain : split));
  if (std::ranges::none_of(scored, [&](int64_t c) { return training.contains(c); }))
    return fmt::format(
        "no {0} of split {1} has a clip in split train, where {0}s are learnt (columns '{0}' and "
        "'split')",
        classes.column, split_name(split));
  if (training.size() < 2)
    return fmt::format("'{}' is the only {} in split train (columns '{}' and 'split')",
                       classes.names[static_cast<size_t>(*training.begin())], classes.column,
                       classes.column);
  return "";
}

void leave_out_unknown(const UtteranceClasses& classes, Parts& parts, Split split) {
  const std::set<int64_t> training = labels_of(parts.training), scored = labels_of(parts.scored);
  const auto known = [&](int64_t label) { return training.contains(label); };
  const auto unknown = std::ranges::count_if(scored, std::not_fn(known));
  if (unknown == 0) return;
  log_info("task {}: {} of the {} {}s of split {} have no clip in train and are left out",
           classes.task, unknown, scored.size(), classes.column, split_name(split));
  std::erase_if(parts.scored, [&](const ClipClass& clip) { return !known(clip.second); });
}

}  // namespace

PreparedTask utterance_task(const Manifest& manifest, const UtteranceClasses& classes,
                            const TaskOptions& options, Split split) {
  Parts parts = parts_of(manifest, classes.clips, split);
  if (std::string missing = what_is_missing(classes, parts, split); !missing.empty())
    return {nullptr, std::move(missing)};
  leave_out_unknown(classes, parts, split);
  parts.training = clips_at_fidelity(manifest, parts.training, options.fidelity, kLeastTraining);
  parts.scored = clips_at_fidelity(manifest, parts.scored, options.fidelity, kLeastScored);

  auto task = std::make_unique<UtteranceTask>();
  task->name = classes.task;
  task->column = classes.column;
  task->classes = static_cast<int64_t>(classes.names.size());
  task->rule = options.layers;
  task->width = options.probe_width;
  std::vector<int64_t> training;
  for (const ClipClass& clip : parts.training) training.push_back(clip.first);
  const std::vector<int32_t> folds = deal_folds(manifest, training);
  for (size_t i = 0; i < training.size(); ++i)
    task->uses[training[i]] = {parts.training[i].second, true, folds[i]};
  for (const auto& [clip, label] : parts.scored) task->uses[clip] = {label, false, 0};
  return {std::move(task), ""};
}

}  // namespace concertina
