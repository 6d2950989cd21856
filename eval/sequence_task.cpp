#include "eval/sequence_task.h"

#include <optional>
#include <utility>

#include "core/errors.h"
#include "eval/clip_cache.h"
#include "eval/ctc_probe.h"
#include "eval/edit_distance.h"

namespace concertina {
namespace {

struct SequenceTask : Task {
  explicit SequenceTask(SequenceData all) : data(std::move(all)) {}
  bool wants(int64_t clip) const override { return data.clips.contains(clip); }
  std::unique_ptr<TaskRun> start() const override { return start_trained({}); }
  std::unique_ptr<TaskRun> start_trained(const StopToken& stop) const override;

  SequenceData data;
};

class SequenceRun : public TaskRun {
 public:
  SequenceRun(const SequenceTask& task, StopToken stop)
      : data_(task.data), stop_(std::move(stop)), errors_(task.data.metrics.size()) {}

  void add(int64_t index, const ClipFeatures& features) override {
    const SequenceClip& clip = data_.clips.at(index);
    if (clip.training) {
      CONCERTINA_ASSERT(!probe_);
      training_.add({{features.layers, clip.fold == 0}, clip.symbols});
      return;
    }
    CONCERTINA_ASSERT(probe_.has_value());
    const std::vector<int64_t> decoded = ctc_decode(probe_->scores(features.layers.to(at::kFloat)));
    for (size_t m = 0; m < errors_.size(); ++m) {
      const SequenceErrors counted = data_.metrics[m].count(clip.symbols, decoded);
      errors_[m].hits.push_back(counted.errors);
      errors_[m].totals.push_back(counted.total);
    }
  }

  void fit() override {
    probe_ = fit_ctc_probe(training_.take(), data_.symbols + 1, options_, stop_);
  }

  std::vector<TaskScore> scores(Intervals intervals) const override {
    CONCERTINA_ASSERT(probe_.has_value());
    std::vector<TaskScore> scores;
    for (size_t m = 0; m < errors_.size(); ++m)
      scores.push_back(
          score_of(data_.metrics[m].name, errors_[m], probe_setting(*probe_), intervals));
    return scores;
  }

 private:
  const SequenceData& data_;
  StopToken stop_;
  ClipProbeOptions options_;
  ClipCache<CtcClip> training_;
  std::optional<TrainedProbe> probe_;
  std::vector<ClipHits> errors_;  // by metric: errors and totals
};

std::unique_ptr<TaskRun> SequenceTask::start_trained(const StopToken& stop) const {
  return std::make_unique<SequenceRun>(*this, stop);
}

std::vector<std::vector<int64_t>> words_between(std::span<const int64_t> symbols, int64_t space) {
  std::vector<std::vector<int64_t>> words;
  bool open = false;
  for (const int64_t symbol : symbols) {
    if (symbol == space) {
      open = false;
      continue;
    }
    if (!open) words.emplace_back();
    open = true;
    words.back().push_back(symbol);
  }
  return words;
}

}  // namespace

std::unique_ptr<const Task> sequence_task(SequenceData data) {
  return std::make_unique<SequenceTask>(std::move(data));
}

SequenceErrors symbol_errors(std::span<const int64_t> reference,
                             std::span<const int64_t> hypothesis) {
  return {static_cast<double>(edit_distance(reference, hypothesis)),
          static_cast<double>(reference.size())};
}

SequenceErrors word_errors(std::span<const int64_t> reference, std::span<const int64_t> hypothesis,
                           int64_t space) {
  using Word = std::vector<int64_t>;
  const std::vector<Word> spoken = words_between(reference, space);
  const std::vector<Word> heard = words_between(hypothesis, space);
  return {static_cast<double>(
              edit_distance(std::span<const Word>(spoken), std::span<const Word>(heard))),
          static_cast<double>(spoken.size())};
}

}  // namespace concertina
