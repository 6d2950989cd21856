#include "eval/trained_run.h"

#include <iterator>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "eval/trained_probe.h"

namespace concertina {
namespace {

constexpr double kLargestHalf = 65504;

// Training rows of one task, as they come.
class RowCache {
 public:
  // x [L, n, D] float; classes [n]. `frames`: in fp16 and thinned where they are too many.
  void add(const at::Tensor& x, const at::Tensor& classes, bool held_out, bool frames) {
    const at::Tensor kept = every_ == 1 ? x : x.slice(1, 0, std::nullopt, every_);
    parts_.push_back({frames ? kept.clamp(-kLargestHalf, kLargestHalf).to(at::kHalf) : kept,
                      classes.slice(0, 0, std::nullopt, every_), held_out});
    bytes_ += static_cast<int64_t>(parts_.back().x.nbytes());
    while (frames && bytes_ > kTrainedProbeBytes) thin();
  }

  // Frees the parts as they are copied.
  ProbeRows take(int64_t classes) {
    int64_t count = 0;
    for (const Part& part : parts_) count += part.classes.size(0);
    const at::Tensor& first = parts_.front().x;
    ProbeRows rows{at::empty({first.size(0), count, first.size(2)}, first.options()),
                   at::empty({count}, at::kLong), at::empty({count}, at::kBool), classes};
    int64_t at = 0;
    for (Part& part : parts_) {
      const int64_t size = part.classes.size(0);
      rows.features.narrow(1, at, size).copy_(part.x);
      rows.labels.narrow(0, at, size).copy_(part.classes);
      rows.held_out.narrow(0, at, size).fill_(part.held_out);
      at += size;
      part = {};
    }
    parts_.clear();
    return rows;
  }

 private:
  struct Part {
    at::Tensor x, classes;
    bool held_out = false;
  };

  void thin() {
    every_ *= 2;
    bytes_ = 0;
    for (Part& part : parts_) {
      part.x = part.x.slice(1, 0, std::nullopt, 2).clone();
      part.classes = part.classes.slice(0, 0, std::nullopt, 2).clone();
      bytes_ += static_cast<int64_t>(part.x.nbytes());
    }
  }

  int64_t every_ = 1, bytes_ = 0;
  std::vector<Part> parts_;
};

class TrainedRun : public TaskRun {
 public:
  TrainedRun(const Task& task, StopToken stop)
      : task_(task), stop_(std::move(stop)), closed_form_(task.start()) {}

  void add(int64_t clip, const ClipFeatures& features) override {
    closed_form_->add(clip, features);
    const ClipLabels labels = task_.labels(clip, features);
    const bool frames = labels.classes.size(0) == features.layers.size(1);
    const at::Tensor counted = labels.classes.ge(0).nonzero().squeeze(1);
    const at::Tensor x =
        frames ? features.layers.index_select(1, counted) : features.layers.mean(1, true);
    const at::Tensor classes = labels.classes.index_select(0, counted);
    if (labels.training) {
      CONCERTINA_ASSERT(!probe_);
      training_.add(x, classes, labels.fold == 0, frames);
      return;
    }
    CONCERTINA_ASSERT(probe_.has_value());
    hits_.hits.push_back(probe_->scores(x).argmax(1).eq(classes).sum().item<double>());
    hits_.totals.push_back(static_cast<double>(classes.size(0)));
  }

  void fit() override {
    closed_form_->fit();
    probe_ = fit_trained_probe(training_.take(task_.class_count()), options_, stop_);
  }

  std::vector<TaskScore> scores(Intervals intervals) const override {
    std::vector<TaskScore> scores = closed_form_->scores(intervals);
    CONCERTINA_ASSERT(probe_.has_value());
    scores.push_back(score_of(task_.trained_metric(), hits_, probe_setting(*probe_), intervals));
    return scores;
  }

 private:
  const Task& task_;
  StopToken stop_;
  TrainedProbeOptions options_;
  std::unique_ptr<TaskRun> closed_form_;
  RowCache training_;
  std::optional<TrainedProbe> probe_;
  ClipHits hits_;
};

}  // namespace

std::unique_ptr<TaskRun> start_with_trained_probe(const Task& task, const StopToken& stop) {
  if (auto own = task.start_trained(stop)) return own;
  if (task.trained_metric().empty()) return task.start();
  return std::make_unique<TrainedRun>(task, stop);
}

}  // namespace concertina
