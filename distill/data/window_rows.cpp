#include "distill/data/window_rows.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "core/errors.h"

namespace concertina {
namespace {

at::Tensor audio_of(std::span<const TargetWindow> windows, const JoinedClips& clips,
                    int64_t frame_samples) {
  const int64_t samples = windows.front().frames * frame_samples;
  at::Tensor audio = at::empty({std::ssize(windows), samples});
  float* row = audio.data_ptr<float>();
  for (const TargetWindow& window : windows) {
    clips.read(window.first, std::span<float>(row, static_cast<size_t>(samples)));
    row += samples;
  }
  return audio;
}

}  // namespace

std::vector<Row> TargetSource::sorted_rows() const {
  std::vector<Row> sorted = rows;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  for (const Row& row : sorted) CONCERTINA_ASSERT(!row.masked);
  CONCERTINA_ASSERT(!sorted.empty());
  return sorted;
}

std::vector<TargetColumn> columns_of(const TargetSource& source, const std::vector<Row>& rows) {
  at::NoGradGuard no_grad;
  const int64_t samples = source.teachers.front().blueprint.base_frame_samples() * 10;
  const SpeechBatch batch = make_batch(at::zeros({1, samples}, at::TensorOptions(source.device())));
  const Rows made = teacher_rows(rows, source.teachers, source.student, batch);
  std::vector<TargetColumn> columns;
  for (const Row& row : rows) columns.push_back({name_of(row), made.at(name_of(row)).size(2)});
  return columns;
}

at::Tensor window_rows(const TargetSource& source, const std::vector<Row>& rows,
                       std::span<const TargetWindow> windows) {
  at::NoGradGuard no_grad;
  const int64_t frame_samples = source.teachers.front().blueprint.base_frame_samples();
  SpeechBatch batch = make_batch(audio_of(windows, source.clips, frame_samples));
  batch.waveform = batch.waveform.to(source.device());
  const Rows made = teacher_rows(rows, source.teachers, source.student, batch);
  std::vector<at::Tensor> parts;
  for (const Row& row : rows) parts.push_back(made.at(name_of(row)));
  const at::Tensor all = parts.size() == 1 ? parts.front() : at::cat(parts, 2);
  return all.to(at::kCPU, at::kFloat);
}

}  // namespace concertina
