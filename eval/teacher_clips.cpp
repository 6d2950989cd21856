// The clips and the teacher's rows of a TeacherScore: what it is made of.
#include <algorithm>
#include <limits>
#include <utility>

#include "core/errors.h"
#include "eval/folds.h"
#include "eval/paired_sums.h"
#include "eval/task_audio.h"
#include "eval/teacher_score.h"
#include "eval/weighted_clips.h"
#include "supernet/space/frames.h"

namespace concertina {
namespace {

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

}  // namespace

bool is_teacher_metric(std::string_view metric) {
  return std::ranges::find(kTeacherMetrics, metric) != kTeacherMetrics.end();
}

TeacherScore::TeacherScore(const Subnet& teacher, std::vector<Row> rows, const Manifest& manifest,
                           Split split, const TeacherScoreOptions& options, const StopToken& stop) {
  if (rows.empty())
    throw InputError(
        "scores against a teacher need rows of it: the objective has none without masks (option "
        "tasks.teacher_layers names layers)");
  period_s_ = teacher.blueprint.base_frame_period_us() * 1e-6;
  centre_s_ = first_centre(teacher.blueprint) / teacher.blueprint.sample_rate;
  const c10::InferenceMode guard;
  read_clips(manifest, split, options);
  run_teacher(teacher, rows, stop);
  standardise();
  fit_units(options.seed);
  loyalty_ = options.loyalty;
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
  const TaskAudio audio(manifest, clips, {}, kTeacherClipSeconds, 0, {});
  for (size_t i = 0; i < clips.size(); ++i) clips_.push_back({audio.read(clips[i]), folds[i], {}});
  // As tasks batch them: like lengths together.
  training_ =
      static_cast<size_t>(std::ranges::count_if(folds, [](int32_t f) { return f < kFolds; }));
  std::ranges::stable_sort(clips_, {}, [](const TeacherClip& clip) {
    return std::pair(clip.fold == kFolds, -std::ssize(clip.samples));
  });
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
    blocks_.push_back({row_text(row), column, width, 0, {}});
    column += width;
  }
}

at::Tensor TeacherScore::rows_of(Clips clips) {
  std::vector<at::Tensor> rows;
  for (const TeacherClip& clip : clips) rows.push_back(clip.rows);
  return at::cat(rows);
}

void TeacherScore::standardise() {
  const at::Tensor all = rows_of(training_clips());
  const at::Tensor mean = all.mean(0), deviation = all.std(0, false);
  // A channel that is constant in train is 0: nothing is asked of it.
  const at::Tensor spread = deviation.masked_fill(deviation < kFlatChannel * deviation.max(),
                                                  std::numeric_limits<float>::infinity());
  for (TeacherClip& clip : clips_) clip.rows = (clip.rows - mean) / spread;
  const at::Tensor scored = rows_of(scored_clips());
  for (RowBlock& block : blocks_)
    block.gram_norm = centred_gram_norm(scored.narrow(1, block.first, block.width));
}

void TeacherScore::fit_units(uint64_t seed) {
  const at::Tensor all = rows_of(training_clips());
  for (size_t i = 0; i < blocks_.size(); ++i) {
    RowBlock& block = blocks_[i];
    block.units =
        fit_loyalty_units(all.narrow(1, block.first, block.width), Rng(seed).fork("loyalty", i));
  }
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
