#include "eval/teacher_score.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "core/errors.h"
#include "eval/folds.h"
#include "eval/paired_sums.h"
#include "eval/task.h"
#include "eval/task_audio.h"
#include "eval/weighted_clips.h"
#include "supernet/space/frames.h"

namespace concertina {
namespace {

constexpr std::array<double, 5> kShrinkages = {1, 1e-1, 1e-2, 1e-3, 1e-4};  // a tie: stronger

// Mean over rows of what each gives: the metric and how it was chosen.
struct RowMean {
  double sum = 0;
  std::vector<std::string> settings;

  void add(double value, const std::string& setting) {
    sum += value;
    settings.push_back(setting);
  }
  TaskScore score(const char* metric) const {
    return {.metric = metric,
            .value = sum / static_cast<double>(settings.size()),
            .setting =
                fmt::format("{}; chosen on {} folds of train", fmt::join(settings, "; "), kFolds)};
  }
};

struct Choice {
  size_t layer = 0;
  double shrinkage = 0;
};

// `errors`: [shrinkages, M] of each layer. Of equal ones the lower layer and the stronger shrinkage.
Choice least_error(const std::vector<at::Tensor>& errors, int64_t first, int64_t count) {
  Choice best;
  double least = std::numeric_limits<double>::infinity();
  for (size_t layer = 0; layer < errors.size(); ++layer) {
    const at::Tensor sums = errors[layer].narrow(1, first, count).sum(1);
    for (size_t k = 0; k < kShrinkages.size(); ++k) {
      const double error = sums[static_cast<int64_t>(k)].item<double>();
      if (error >= least) continue;
      least = error;
      best = {layer, kShrinkages[k]};
    }
  }
  return best;
}

}  // namespace

struct TeacherScore::LayerSums {
  std::vector<PairedSums> folds;
  PairedSums scored;

  PairedSums training() const {
    PairedSums all = folds.front();
    for (size_t k = 1; k < folds.size(); ++k) all = all + folds[k];
    return all;
  }
  // [shrinkages, M] on each fold, of fits on the others.
  at::Tensor held_out_errors() const {
    const PairedSums all = training();
    at::Tensor errors =
        at::zeros({static_cast<int64_t>(kShrinkages.size()), all.y.size(0)}, at::kDouble);
    for (const PairedSums& fold : folds) {
      if (fold.count == 0 || fold.count == all.count) continue;
      const std::vector<RidgeFit> fits = fit_ridges(all - fold, kShrinkages);
      for (size_t k = 0; k < fits.size(); ++k)
        errors[static_cast<int64_t>(k)] += squared_errors(fits[k], fold);
    }
    return errors;
  }
};

at::Tensor TeacherScore::rows_for(const TeacherClip& clip, const ClipFeatures& features) const {
  if (std::abs(features.period_s - period_s_) > 1e-9)
    throw InputError(fmt::format("its frames are {:g} ms and the teacher's {:g} ms",
                                 1e3 * features.period_s, 1e3 * period_s_));
  const auto shift = static_cast<int64_t>(std::lround((features.centre_s - centre_s_) / period_s_));
  const int64_t frames =
      std::max<int64_t>(0, std::min(features.layers.size(1), clip.rows.size(0) - shift));
  // As teacher_rows(): its first frame repeated where the student's are before it.
  return clip.rows.index_select(0, (at::arange(frames) + shift).clamp_min(0));
}

void TeacherScore::add(std::vector<LayerSums>& layers, const TeacherClip& clip,
                       const ClipFeatures& features) const {
  const at::Tensor rows = rows_for(clip, features);
  const int64_t frames = rows.size(0);
  if (frames == 0) return;
  if (layers.empty()) layers.resize(static_cast<size_t>(features.layers.size(0)));
  for (size_t l = 0; l < layers.size(); ++l) {
    const at::Tensor x = features.layers[static_cast<int64_t>(l)].narrow(0, 0, frames);
    LayerSums& sums = layers[l];
    if (sums.folds.empty()) {
      sums.scored = PairedSums(x.mean(0).to(at::kDouble), rows.size(1));
      sums.folds.assign(kFolds, PairedSums(sums.scored.shift, rows.size(1)));
    }
    (clip.fold < kFolds ? sums.folds[static_cast<size_t>(clip.fold)] : sums.scored).add(x, rows);
  }
}

// The regression of one row, and what its errors are compared with.
struct TeacherScore::RowFit {
  RowBlock block;
  int64_t layer = 0;
  RidgeFit fit;
  at::Tensor shift, mean;  // of the features; of the row on the scored split
  double spread = 0;       // sum of squared deviations there
};

TaskScore TeacherScore::r2(const std::vector<LayerSums>& layers, const ScoredClips& clips) const {
  std::vector<at::Tensor> errors;
  std::ranges::transform(layers, std::back_inserter(errors), &LayerSums::held_out_errors);
  RowMean mean;
  std::vector<RowFit> fits;
  for (const RowBlock& block : blocks_) {
    const auto of_block = [&](const PairedSums& sums) {
      return narrow_targets(sums, block.first, block.width);
    };
    const Choice chosen = least_error(errors, block.first, block.width);
    const LayerSums& sums = layers[chosen.layer];
    const RidgeFit fit =
        fit_ridges(of_block(sums.training()), std::array{chosen.shrinkage}).front();
    const PairedSums scored = of_block(sums.scored);
    const double spread = squared_deviations(scored).sum().item<double>();
    const double error = squared_errors(fit, scored).sum().item<double>();
    const double value = spread > 0 ? 1 - error / spread : 0;
    mean.add(value, fmt::format("{} from layer {}, shrinkage {:g}: {:.3f}", block.name,
                                chosen.layer, chosen.shrinkage, value));
    if (spread > 0)
      fits.push_back({block, static_cast<int64_t>(chosen.layer), fit, scored.shift,
                      scored.y / scored.count, spread});
  }
  TaskScore score = mean.score(kTeacherR2);
  if (!clips.empty()) add_clips(fits, clips, score);
  return score;
}

void TeacherScore::add_clips(const std::vector<RowFit>& fits, const ScoredClips& clips,
                             TaskScore& score) const {
  const auto share = 1.0 / static_cast<double>(blocks_.size());
  for (const auto& [clip, features] : clips) {
    const at::Tensor rows = rows_for(*clip, features).to(at::kDouble);
    double explained = 0, all = 0;
    for (const RowFit& of : fits) {
      const at::Tensor x =
          features.layers[of.layer].narrow(0, 0, rows.size(0)).to(at::kDouble) - of.shift;
      const at::Tensor y = rows.narrow(1, of.block.first, of.block.width);
      const double error = (y - x.mm(of.fit.weight) - of.fit.bias).square().sum().item<double>();
      const double deviation = (y - of.mean).square().sum().item<double>();
      explained += share * (deviation - error) / of.spread;
      all += share * deviation / of.spread;
    }
    score.hits.push_back(explained);
    score.totals.push_back(all);
  }
  const Interval interval =
      bootstrap_hit_rate(score.hits, score.totals, Rng(0).fork("bootstrap teacher.r2"));
  score.low = interval.low;
  score.high = interval.high;
}

TaskScore TeacherScore::cka(const std::vector<LayerSums>& layers) const {
  std::vector<PairedSums> training;
  std::ranges::transform(layers, std::back_inserter(training), &LayerSums::training);
  RowMean mean;
  for (const RowBlock& block : blocks_) {
    const auto of = [&](const PairedSums& sums, double norm) {
      return linear_cka(narrow_targets(sums, block.first, block.width), norm);
    };
    size_t layer = 0;
    double highest = -1;
    for (size_t l = 0; l < layers.size(); ++l) {
      // Up to the norm of train's own rows, which is one for all layers.
      const double value = of(training[l], 1);
      if (value > highest) {
        highest = value;
        layer = l;
      }
    }
    const double value = of(layers[layer].scored, block.gram_norm);
    mean.add(value, fmt::format("{} and layer {}: {:.3f}", block.name, layer, value));
  }
  return mean.score(kTeacherCka);
}

std::vector<TaskScore> TeacherScore::score(const FeatureExtractor& features, const StopToken& stop,
                                           Intervals intervals) const {
  const c10::InferenceMode guard;
  std::vector<LayerSums> layers;
  ScoredClips scored;
  constexpr auto kBatch = static_cast<size_t>(60 / kTeacherClipSeconds);  // clips: a minute at most
  for (size_t first = 0; first < clips_.size(); first += kBatch) {
    stop.throw_if_interrupted("nothing of this score was saved");
    const size_t end = std::min(first + kBatch, clips_.size());
    std::vector<std::vector<float>> audio;
    for (size_t i = first; i < end; ++i) audio.push_back(clips_[i].samples);
    const std::vector<ClipFeatures> encoded = features(audio);
    for (size_t i = first; i < end; ++i) {
      add(layers, clips_[i], encoded[i - first]);
      if (intervals == Intervals::kBootstrap && clips_[i].fold == kFolds)
        scored.emplace_back(&clips_[i], encoded[i - first]);
    }
  }
  if (layers.empty() || layers.front().scored.count == 0 || layers.front().training().count == 0)
    throw InputError("the clips are too short for teacher.r2, teacher.cka and rankme");
  TaskScore rank{.metric = kRankMe,
                 .value = rankme(layers.back().scored),
                 .setting = fmt::format("layer {}", layers.size() - 1)};
  return {r2(layers, scored), cka(layers), std::move(rank)};
}

}  // namespace concertina
