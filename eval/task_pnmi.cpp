// PNMI: how much k-means units of frames tell of phones (HuBERT, Hsu et al. 2021). Nothing is fitted to
// labels; they choose a layer on train.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/errors.h"
#include "distill/objective/kmeans.h"
#include "distill/objective/pnmi.h"
#include "eval/phone_data.h"
#include "supernet/nn/one_thread_each.h"

namespace concertina {
namespace {

constexpr int32_t kUnits = 100, kIterations = 20;
constexpr double kClusteredFrames = 10000;  // about, of train

struct PnmiTask : Task {
  explicit PnmiTask(PhoneData all) : data(std::move(all)) {}
  bool wants(int64_t clip) const override { return data.clips.contains(clip); }
  std::unique_ptr<TaskRun> start() const override;
  std::string content() const override { return fmt::format("{} phones", data.labels.size()); }

  PhoneData data;
  LayerRule rule = LayerRule::kBest;
  double training_seconds = 0;
};

// [phones, units] int64.
at::Tensor pair_counts(const at::Tensor& phones, const at::Tensor& units, int64_t labels) {
  return at::bincount(phones * kUnits + units, {}, labels * kUnits).view({labels, kUnits});
}

class PnmiRun : public TaskRun {
 public:
  explicit PnmiRun(const PnmiTask& task) : task_(task) {}

  void add(int64_t index, const ClipFeatures& features) override {
    const PhoneClip& clip = task_.data.clips.at(index);
    const at::Tensor phones = clip.frame_classes(features);
    const at::Tensor labelled = phones.ge(0).nonzero().squeeze(1);
    if (clip.split == Split::kTrain) {
      keep(features, phones, labelled);
      return;
    }
    CONCERTINA_ASSERT(centroids_.defined());
    const at::Tensor frames =
        features.layers.select(0, layer_).to(at::kFloat).index_select(0, labelled);
    const at::Tensor counts = pair_counts(phones.index_select(0, labelled),
                                          nearest_centroid(frames, centroids_), label_count());
    counts_ = counts_.defined() ? counts_ + counts : counts;
  }

  void fit() override {
    const at::Tensor frames = at::cat(frames_, 1), phones = at::cat(phones_);
    const int64_t layers = frames.size(0);
    const auto units = static_cast<int32_t>(std::min<int64_t>(kUnits, frames.size(1)));
    std::vector<at::Tensor> centroids(static_cast<size_t>(layers));
    of_layers_.assign(centroids.size(), 0);
    one_thread_each(centroids.size(), [&](size_t layer) {
      const c10::InferenceMode guard;
      const at::Tensor points = frames[static_cast<int64_t>(layer)].contiguous();
      centroids[layer] = kmeans(points, units, kIterations, Rng(0).fork("pnmi", layer));
      of_layers_[layer] = phone_normalised_information(
          pair_counts(phones, nearest_centroid(points, centroids[layer]), label_count()));
    });
    layer_ = std::ranges::max_element(of_layers_) - of_layers_.begin();
    centroids_ = centroids[static_cast<size_t>(layer_)];
    frames_.clear();
    phones_.clear();
  }

  // Without an interval: a resample repeats clips, which raises the information.
  std::vector<TaskScore> scores(Intervals) const override {
    TaskScore score{.metric = "pnmi.phones", .value = phone_normalised_information(counts_)};
    score.setting = fmt::format("{}, chosen on train; {} units of k-means",
                                layer_name(layer_, task_.rule), centroids_.size(0));
    score.layers = of_layers_;
    return {score};
  }

 private:
  int64_t label_count() const { return std::ssize(task_.data.labels); }

  // Every n-th labelled frame, whichever clips they are of.
  void keep(const ClipFeatures& features, const at::Tensor& phones, const at::Tensor& labelled) {
    const auto every = std::max<int64_t>(
        1, std::llround(task_.training_seconds / features.period_s / kClusteredFrames));
    const int64_t first = (every - seen_ % every) % every;
    seen_ += labelled.size(0);
    if (first >= labelled.size(0)) return;
    const at::Tensor kept = labelled.slice(0, first, std::nullopt, every);
    frames_.push_back(features.layers.index_select(1, kept).to(at::kFloat));
    phones_.push_back(phones.index_select(0, kept));
  }

  const PnmiTask& task_;
  int64_t seen_ = 0, layer_ = 0;
  std::vector<at::Tensor> frames_, phones_;  // of train
  std::vector<double> of_layers_;
  at::Tensor centroids_;
  at::Tensor counts_;  // [phones, units], scored
};

std::unique_ptr<TaskRun> PnmiTask::start() const { return std::make_unique<PnmiRun>(*this); }

PreparedTask prepare_pnmi(const Manifest& manifest, const TaskOptions& options, Split split) {
  PhoneData data = read_phone_data(manifest, options, split);
  if (std::string missing = missing_phones(data, split); !missing.empty())
    return {nullptr, std::move(missing)};
  auto task = std::make_unique<PnmiTask>(std::move(data));
  task->rule = options.layers;
  for (const auto& [index, clip] : task->data.clips) {
    if (clip.split == Split::kTrain) task->training_seconds += clip.ends_s.back();
  }
  return {std::move(task), ""};
}

}  // namespace

const TaskKind kUnitTask = {.name = "pnmi",
                            .labels = "phone labels",
                            .prepare = prepare_pnmi,
                            .facts = phone_facts,
                            .test_facts = test_phone_facts,
                            .same_text_leaks = true};

}  // namespace concertina
