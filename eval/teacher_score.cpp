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
#include "study/metric.h"
#include "supernet/space/frames.h"

namespace concertina {
namespace {

constexpr const char* kTooShort = "the clips are too short for the scores against a teacher";
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

// What a share, 0 to 1, is in the metric's unit.
double in_unit(const std::string& metric, double share) {
  return find_metric(metric)->format == NumberFormat::kPercent ? 100 * share : share;
}

using HitsOf = ClipHits (*)(std::span<const ClipAgreement>);

std::vector<ClipHits> of_each_row(const std::vector<std::vector<ClipAgreement>>& agreements,
                                  HitsOf hits_of) {
  std::vector<ClipHits> of_rows;
  for (const auto& clips : agreements) of_rows.push_back(hits_of(clips));
  return of_rows;
}

// Hits, totals and the interval of a mean over rows, in the metric's unit.
void add_clips(TaskScore& score, const std::vector<ClipHits>& of_rows) {
  const auto share = 1.0 / static_cast<double>(of_rows.size());
  score.hits.assign(of_rows.front().hits.size(), 0);
  score.totals = score.hits;
  for (const ClipHits& row : of_rows) {
    for (size_t i = 0; i < row.hits.size(); ++i) {
      score.hits[i] += share * row.hits[i];
      score.totals[i] += share * row.totals[i];
    }
  }
  const Interval interval =
      bootstrap_hit_rate(score.hits, score.totals, Rng(0).fork("bootstrap " + score.metric));
  score.low = in_unit(score.metric, interval.low);
  score.high = in_unit(score.metric, interval.high);
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

// The regression of one row from the layer that suits it best.
struct TeacherScore::RowFit {
  const RowBlock* block = nullptr;
  size_t layer = 0;
  RidgeFit fit;
  at::Tensor shift;  // of the features

  // [n, D] -> [n, width] double.
  at::Tensor predict(const at::Tensor& features) const {
    return (features.to(at::kDouble) - shift).mm(fit.weight) + fit.bias;
  }
  PairedSums of(const PairedSums& sums) const {
    return narrow_targets(sums, block->first, block->width);
  }
  std::string setting() const {
    return fmt::format("{} from layer {}, shrinkage {:g}", block->name, layer, fit.shrinkage);
  }
};

std::vector<TeacherScore::RowFit> TeacherScore::fit_rows(
    const std::vector<LayerSums>& layers) const {
  std::vector<at::Tensor> errors;
  std::ranges::transform(layers, std::back_inserter(errors), &LayerSums::held_out_errors);
  std::vector<RowFit> fits;
  for (const RowBlock& block : blocks_) {
    const Choice chosen = least_error(errors, block.first, block.width);
    const LayerSums& sums = layers[chosen.layer];
    RowFit row{&block, chosen.layer, {}, sums.scored.shift};
    row.fit = fit_ridges(row.of(sums.training()), std::array{chosen.shrinkage}).front();
    fits.push_back(std::move(row));
  }
  return fits;
}

void TeacherScore::add(Agreements& agreements, const std::vector<RowFit>& fits,
                       const TeacherClip& clip, const ClipFeatures& features) const {
  const at::Tensor rows = rows_for(clip, features);
  for (size_t i = 0; i < fits.size(); ++i) {
    const RowBlock& block = *fits[i].block;
    const at::Tensor x =
        features.layers[static_cast<int64_t>(fits[i].layer)].narrow(0, 0, rows.size(0));
    agreements[i].push_back(
        clip_agreement(block.units, rows.narrow(1, block.first, block.width), fits[i].predict(x)));
  }
}

TaskScore TeacherScore::r2(const std::vector<RowFit>& fits, const std::vector<LayerSums>& layers) {
  RowMean mean;
  for (const RowFit& row : fits) {
    const PairedSums scored = row.of(layers[row.layer].scored);
    const double spread = squared_deviations(scored).sum().item<double>();
    const double error = squared_errors(row.fit, scored).sum().item<double>();
    const double value = spread > 0 ? 1 - error / spread : 0;
    mean.add(value, fmt::format("{}: {:.3f}", row.setting(), value));
  }
  return mean.score(kTeacherR2);
}

// `hits`: of each row.
TaskScore TeacherScore::loyalty(const char* metric, const std::vector<RowFit>& fits,
                                const std::vector<ClipHits>& hits) {
  RowMean mean;
  for (size_t i = 0; i < fits.size(); ++i) {
    const double value = in_unit(metric, hits[i].rate());
    const LoyaltyUnits& units = fits[i].block->units;
    mean.add(value, fmt::format("{}, {} units, temperature {:.3g}: {:.3f}", fits[i].setting(),
                                units.centroids.size(0), units.temperature, value));
  }
  return mean.score(metric);
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

void TeacherScore::encode(Clips clips, const FeatureExtractor& features, const StopToken& stop,
                          const std::function<void(const TeacherClip&, const ClipFeatures&)>& use) {
  constexpr auto kBatch = static_cast<size_t>(60 / kTeacherClipSeconds);  // clips: a minute at most
  for (size_t first = 0; first < clips.size(); first += kBatch) {
    stop.throw_if_interrupted("nothing of this score was saved");
    const Clips batch = clips.subspan(first, std::min(kBatch, clips.size() - first));
    std::vector<std::vector<float>> audio;
    for (const TeacherClip& clip : batch) audio.push_back(clip.samples);
    const std::vector<ClipFeatures> encoded = features(audio);
    for (size_t i = 0; i < batch.size(); ++i) use(batch[i], encoded[i]);
  }
}

std::vector<TaskScore> TeacherScore::score(const FeatureExtractor& features, const StopToken& stop,
                                           Intervals intervals) const {
  const c10::InferenceMode guard;
  std::vector<LayerSums> layers;
  encode(training_clips(), features, stop,
         [&](const TeacherClip& clip, const ClipFeatures& its) { add(layers, clip, its); });
  if (layers.empty()) throw InputError(kTooShort);
  const std::vector<RowFit> fits = fit_rows(layers);
  Agreements agreements(fits.size());
  encode(scored_clips(), features, stop, [&](const TeacherClip& clip, const ClipFeatures& its) {
    add(layers, clip, its);
    if (loyalty_ || intervals == Intervals::kBootstrap) add(agreements, fits, clip, its);
  });
  if (layers.front().scored.count == 0) throw InputError(kTooShort);

  std::vector<TaskScore> scores = {r2(fits, layers), cka(layers)};
  if (intervals == Intervals::kBootstrap)
    add_clips(scores[0], of_each_row(agreements, explained_deviations));
  const std::array<std::pair<const char*, HitsOf>, 3> loyalties = {
      {{kLoyaltyLabel, label_loyalty},
       {kLoyaltyProb, probability_loyalty},
       {kLoyaltyPearson, pearson_loyalty}}};
  for (const auto& [metric, hits_of] : loyalties) {
    if (!loyalty_) break;
    const std::vector<ClipHits> of_rows = of_each_row(agreements, hits_of);
    scores.push_back(loyalty(metric, fits, of_rows));
    if (intervals == Intervals::kBootstrap) add_clips(scores.back(), of_rows);
  }
  scores.push_back({.metric = kRankMe,
                    .value = rankme(layers.back().scored),
                    .setting = fmt::format("layer {}", layers.size() - 1)});
  return scores;
}

}  // namespace concertina
