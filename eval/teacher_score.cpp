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

constexpr double kFlatChannel = 1e-5;  // of a deviation, relative to the largest

std::string row_text(const Row& row) {
  const std::string name = name_of(row);
  return name.substr(name.find('/') + 1);
}

// [T, M] of a clip, at the teacher's frames.
at::Tensor rows_side_by_side(const Subnet& teacher, const std::vector<Row>& rows,
                             const std::vector<float>& samples) {
  const SpeechBatch batch = make_batch(std::span(&samples, 1));
  const Rows all = teacher_rows(rows, {&teacher, 1}, teacher.blueprint, batch);
  std::vector<at::Tensor> parts;
  for (const Row& row : rows) parts.push_back(all.at(name_of(row)).squeeze(0));
  return at::cat(parts, 1).to(at::kFloat).contiguous();
}

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

bool is_teacher_metric(std::string_view metric) {
  return metric == kTeacherR2 || metric == kTeacherCka || metric == kRankMe;
}

TeacherScore::TeacherScore(const Subnet& teacher, std::vector<Row> rows, const Manifest& manifest,
                           Split split, const TeacherScoreOptions& options, const StopToken& stop) {
  if (rows.empty())
    throw InputError(
        "teacher.r2, teacher.cka and rankme need rows of a teacher: the objective has none without "
        "masks (option tasks.teacher_layers names layers)");
  period_s_ = teacher.blueprint.base_frame_period_us() * 1e-6;
  centre_s_ = first_centre(teacher.blueprint) / teacher.blueprint.sample_rate;
  const c10::InferenceMode guard;
  read_clips(manifest, split, options);
  run_teacher(teacher, rows, stop);
  standardise();
}

void TeacherScore::read_clips(const Manifest& manifest, Split split,
                              const TeacherScoreOptions& options) {
  const auto drawn = [&](Split part, double seconds) {
    return weighted_clips(manifest, part,
                          {seconds, kTeacherClipSeconds, options.source_weight, options.seed});
  };
  std::vector<int64_t> clips = drawn(Split::kTrain, options.seconds);
  std::vector<int32_t> folds = deal_folds(manifest, clips);
  for (const int64_t clip : drawn(split, options.seconds / 2)) {
    clips.push_back(clip);
    folds.push_back(kFolds);
  }
  const TaskAudio audio(manifest, clips, kTeacherClipSeconds, 0, {});
  for (size_t i = 0; i < clips.size(); ++i) clips_.push_back({audio.read(clips[i]), folds[i], {}});
  // As tasks batch them: like lengths together.
  std::ranges::stable_sort(clips_, std::ranges::greater{},
                           [](const TeacherClip& clip) { return clip.samples.size(); });
}

void TeacherScore::run_teacher(const Subnet& teacher, const std::vector<Row>& rows,
                               const StopToken& stop) {
  for (TeacherClip& clip : clips_) {
    stop.throw_if_interrupted("nothing of this score was saved");
    clip.rows = rows_side_by_side(teacher, rows, clip.samples);
  }
  const SpeechBatch shortest = make_batch(std::span(&clips_.back().samples, 1));
  const Rows first = teacher_rows(rows, {&teacher, 1}, teacher.blueprint, shortest);
  int64_t column = 0;
  for (const Row& row : rows) {
    const int64_t width = first.at(name_of(row)).size(2);
    blocks_.push_back({row_text(row), column, width, 0});
    column += width;
  }
}

at::Tensor TeacherScore::rows_of(bool training) const {
  std::vector<at::Tensor> rows;
  for (const TeacherClip& clip : clips_) {
    if ((clip.fold < kFolds) == training) rows.push_back(clip.rows);
  }
  return at::cat(rows);
}

void TeacherScore::standardise() {
  const at::Tensor all = rows_of(true);
  const at::Tensor mean = all.mean(0), deviation = all.std(0, false);
  // A channel that is constant in train is 0: nothing is asked of it.
  const at::Tensor spread = deviation.masked_fill(deviation < kFlatChannel * deviation.max(),
                                                  std::numeric_limits<float>::infinity());
  for (TeacherClip& clip : clips_) clip.rows = (clip.rows - mean) / spread;
  const at::Tensor scored = rows_of(false);
  for (RowBlock& block : blocks_)
    block.gram_norm = centred_gram_norm(scored.narrow(1, block.first, block.width));
}

void TeacherScore::add(std::vector<LayerSums>& layers, const TeacherClip& clip,
                       const ClipFeatures& features) const {
  if (std::abs(features.period_s - period_s_) > 1e-9)
    throw InputError(fmt::format("its frames are {:g} ms and the teacher's {:g} ms",
                                 1e3 * features.period_s, 1e3 * period_s_));
  const auto shift = static_cast<int64_t>(std::lround((features.centre_s - centre_s_) / period_s_));
  const int64_t frames = std::min(features.layers.size(1), clip.rows.size(0) - shift);
  if (frames <= 0) return;
  // As teacher_rows(): its first frame repeated where the student's are before it.
  const at::Tensor rows = clip.rows.index_select(0, (at::arange(frames) + shift).clamp_min(0));
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

TaskScore TeacherScore::r2(const std::vector<LayerSums>& layers) const {
  std::vector<at::Tensor> errors;
  std::ranges::transform(layers, std::back_inserter(errors), &LayerSums::held_out_errors);
  RowMean mean;
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
  }
  return mean.score(kTeacherR2);
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

std::vector<TaskScore> TeacherScore::score(const FeatureExtractor& features,
                                           const StopToken& stop) const {
  const c10::InferenceMode guard;
  std::vector<LayerSums> layers;
  constexpr auto kBatch = static_cast<size_t>(60 / kTeacherClipSeconds);  // clips: a minute at most
  for (size_t first = 0; first < clips_.size(); first += kBatch) {
    stop.throw_if_interrupted("nothing of this score was saved");
    const size_t end = std::min(first + kBatch, clips_.size());
    std::vector<std::vector<float>> audio;
    for (size_t i = first; i < end; ++i) audio.push_back(clips_[i].samples);
    const std::vector<ClipFeatures> encoded = features(audio);
    for (size_t i = first; i < end; ++i) add(layers, clips_[i], encoded[i - first]);
  }
  if (layers.empty() || layers.front().scored.count == 0 || layers.front().training().count == 0)
    throw InputError("the clips are too short for teacher.r2, teacher.cka and rankme");
  TaskScore rank{.metric = kRankMe,
                 .value = rankme(layers.back().scored),
                 .setting = fmt::format("layer {}", layers.size() - 1)};
  return {r2(layers), cka(layers), std::move(rank)};
}

std::vector<Row> clean_rows(const Objective& objective) {
  std::vector<Row> rows = objective.needs().rows;
  std::erase_if(rows, [](const Row& row) { return row.masked || row.teacher != 0; });
  return rows;
}

std::vector<Row> hidden_rows(const std::vector<int32_t>& layers, const Subnet& teacher) {
  std::vector<Row> rows;
  for (const int32_t layer : layers) rows.push_back({.layer = layer});
  if (rows.empty()) rows.push_back({.layer = teacher.architecture.depth()});
  return rows;
}

}  // namespace concertina
