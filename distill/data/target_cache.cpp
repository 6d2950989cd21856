#include "distill/data/target_cache.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <span>

#include "core/errors.h"
#include "core/files.h"
#include "core/format.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/stop.h"
#include "distill/data/target_file.h"
#include "distill/data/target_windows.h"
#include "supernet/model/safetensors.h"
#include "supernet/nn/one_thread_each.h"
#include "supernet/space/frames.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr size_t kBatch = 8;  // windows that are encoded together
constexpr std::chrono::seconds kSaveInterval{60};

at::Tensor audio_of(const std::vector<TargetWindow>& windows, size_t first, size_t last,
                    const JoinedClips& clips, int64_t frame_samples) {
  const int64_t samples = windows[first].frames * frame_samples;
  at::Tensor audio = at::empty({static_cast<int64_t>(last - first), samples});
  for (size_t i = first; i < last; ++i) {
    float* row = audio.data_ptr<float>() + static_cast<int64_t>(i - first) * samples;
    clips.read(windows[i].first, std::span<float>(row, static_cast<size_t>(samples)));
  }
  return audio;
}

at::Device device_of(const TargetCache::Source& source) {
  return source.teachers.front().tensors.begin()->second.device();
}

// Without repetitions, in one order for one set of rows.
std::vector<Row> sorted_rows(const TargetCache::Source& source) {
  std::vector<Row> rows = source.rows;
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  for (const Row& row : rows) CONCERTINA_ASSERT(!row.masked);
  CONCERTINA_ASSERT(!rows.empty());
  return rows;
}

// The rows of a batch side by side: [B, T, D].
at::Tensor rows_of(const TargetCache::Source& source, const std::vector<Row>& rows,
                   const SpeechBatch& batch) {
  const Rows made = teacher_rows(rows, source.teachers, source.student, batch);
  std::vector<at::Tensor> parts;
  for (const Row& row : rows) parts.push_back(made.at(name_of(row)));
  return parts.size() == 1 ? parts.front() : at::cat(parts, 2);
}

void write_windows(TargetFile& file, const std::vector<TargetWindow>& windows, size_t first,
                   size_t last, const TargetCache::Source& source, const std::vector<Row>& rows) {
  at::NoGradGuard no_grad;
  const int64_t frame_samples = source.teachers.front().blueprint.base_frame_samples();
  SpeechBatch batch = make_batch(audio_of(windows, first, last, source.clips, frame_samples));
  batch.waveform = batch.waveform.to(device_of(source));
  const at::Tensor targets = rows_of(source, rows, batch).to(at::kCPU, at::kFloat);
  for (size_t i = first; i < last; ++i) {
    const TargetWindow& w = windows[i];
    file.write_rows(w.kept_first, targets[static_cast<int64_t>(i - first)].narrow(
                                      0, w.kept_first - w.first, w.kept_frames));
  }
}

// As parts of one thread each, on the CPU.
void write_batch(TargetFile& file, const std::vector<TargetWindow>& windows, size_t first,
                 size_t last, const TargetCache::Source& source, const std::vector<Row>& rows) {
  const size_t count = last - first;
  const bool on_cpu = device_of(source) == at::kCPU;
  const size_t parts = on_cpu ? std::min(count, static_cast<size_t>(at::get_num_threads())) : 1;
  one_thread_each(parts, [&](size_t i) {
    write_windows(file, windows, first + count * i / parts, first + count * (i + 1) / parts, source,
                  rows);
  });
}

// The end of the windows that can be encoded together with window `first`.
size_t end_of_batch(const std::vector<TargetWindow>& windows, size_t first) {
  size_t last = first + 1;
  while (last < windows.size() && last - first < kBatch &&
         windows[last].frames == windows[first].frames) {
    ++last;
  }
  return last;
}

void save_progress_after_error(TargetFile& file, size_t windows_done) {
  try {
    file.save_progress(static_cast<int64_t>(windows_done));
  } catch (const std::exception& error) {
    log_warn("{}", error.what());
  }
}

void compute_targets(TargetFile& file, const std::vector<TargetWindow>& windows,
                     const TargetCache::Source& source, const std::vector<Row>& rows,
                     const StopToken& stop) {
  auto saved = Clock::now();
  auto done = static_cast<size_t>(file.windows_done());
  if (done > 0) log_info("teacher targets: resuming at window {} of {}", done, windows.size());
  while (done < windows.size()) {
    const size_t last = end_of_batch(windows, done);
    try {
      write_batch(file, windows, done, last, source, rows);
    } catch (...) {
      save_progress_after_error(file, done);
      throw;
    }
    done = last;
    const bool stopped = stop.stop_requested();
    if (stopped || Clock::now() - saved > kSaveInterval) {
      file.save_progress(static_cast<int64_t>(done));
      saved = Clock::now();
      log_info("teacher targets: window {} of {}", done, windows.size());
    }
    if (stopped) stop.throw_if_interrupted("the teacher's targets so far are saved");
  }
  file.publish();
}

std::vector<TargetColumn> columns_of(const TargetCache::Source& source,
                                     const std::vector<Row>& rows) {
  at::NoGradGuard no_grad;
  const Blueprint& blueprint = source.teachers.front().blueprint;
  const int64_t samples = blueprint.base_frame_samples() * 10;
  const SpeechBatch batch =
      make_batch(at::zeros({1, samples}, at::TensorOptions(device_of(source))));
  const Rows made = teacher_rows(rows, source.teachers, source.student, batch);
  std::vector<TargetColumn> columns;
  for (const Row& row : rows) columns.push_back({name_of(row), made.at(name_of(row)).size(2)});
  return columns;
}

std::string file_name(const TargetCache::Source& source, const std::vector<Row>& rows,
                      const std::vector<TargetWindow>& windows, CacheDtype dtype) {
  std::string text = fmt::format("{}\n{}\n", source.fingerprint, dtype == CacheDtype::kInt8);
  for (const Row& row : rows) text += name_of(row) + "\n";
  for (const Subnet& teacher : source.teachers) {
    const int32_t shift = frame_shift(source.student, teacher.blueprint);
    if (shift != 0) text += fmt::format("shift {}\n", shift);
  }
  for (const TargetWindow& w : windows) text += fmt::format("{}+{} ", w.kept_first, w.frames);
  for (const JoinedClips::ClipSpan& span : source.clips.clips()) {
    text += fmt::format("{}:{} ", span.clip, span.frames);
  }
  return fmt::format("targets-{:016x}.safetensors", hash64(text));
}

void make_file(const fs::path& path, const TargetCache::Source& source,
               const std::vector<Row>& rows, const std::vector<TargetWindow>& windows,
               CacheDtype dtype, const StopToken& stop) {
  const SavesOnStop saves;  // the targets so far are saved when a stop is requested
  const std::vector<TargetColumn> columns = columns_of(source, rows);
  const int64_t frames = source.clips.total_frames();
  const double seconds =
      static_cast<double>(frames) * source.teachers.front().blueprint.base_frame_period_us() * 1e-6;
  log_info("teacher targets of {} of audio take {:.2f} GB as {}, in {}", format_seconds(seconds),
           static_cast<double>(target_bytes(frames, columns, dtype)) * 1e-9, enum_name(dtype),
           path.string());
  TargetFile file(path, frames, columns, dtype);
  compute_targets(file, windows, source, rows, stop);
}

std::vector<TargetColumn> columns_in(const SafetensorsFile& file) {
  const auto found = file.metadata.find("rows");
  if (found == file.metadata.end()) return {};
  const auto json = nlohmann::json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  std::vector<TargetColumn> columns;
  for (const auto& row : json) {
    if (!row.is_object()) return {};
    columns.push_back({row.value("name", ""), row.value("dim", int64_t{0})});
  }
  return columns;
}

}  // namespace

TargetCache::TargetCache(const fs::path& folder, const Source& source, CacheDtype dtype,
                         const StopToken& stop) {
  const auto windows = target_windows(source.clips, source.student, source.batch);
  const std::vector<Row> rows = sorted_rows(source);
  path_ = folder / file_name(source, rows, windows, dtype);
  if (!fs::exists(path_)) {
    make_directories(folder);
    make_file(path_, source, rows, windows, dtype, stop);
  }
  const bool bytes = dtype == CacheDtype::kInt8;
  const SafetensorsFile file = read_safetensors(path_);
  const auto targets = file.tensors.find("targets"), scales = file.tensors.find("scales");
  columns_ = columns_in(file);
  int64_t dims = 0;
  bool same = columns_.size() == rows.size();
  for (size_t i = 0; same && i < rows.size(); ++i) {
    same = columns_[i].row == name_of(rows[i]);
    dims += columns_[i].dim;
  }
  if (!same || targets == file.tensors.end() ||
      targets->second.sizes() != at::IntArrayRef({source.clips.total_frames(), dims}) ||
      (bytes && scales == file.tensors.end())) {
    throw InputError(
        fmt::format("{} does not hold the targets of this corpus: remove it", path_.string()));
  }
  targets_ = targets->second;
  if (bytes) scales_ = scales->second;
}

at::Tensor TargetCache::read(int64_t first_frame, int64_t frames) const {
  const at::Tensor rows = targets_.narrow(0, first_frame, frames).to(at::kFloat);
  if (!scales_.defined()) return rows;
  int64_t begin = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const auto scale = scales_.narrow(0, first_frame, frames).narrow(1, static_cast<int64_t>(i), 1);
    rows.narrow(1, begin, columns_[i].dim).mul_(scale);
    begin += columns_[i].dim;
  }
  return rows;
}

void TargetCache::read(int64_t first_frame, int64_t frames, int64_t item, Rows& rows) const {
  const at::Tensor all = read(first_frame, frames);
  int64_t begin = 0;
  for (const TargetColumn& column : columns_) {
    rows.at(column.row)[item].narrow(0, 0, frames).copy_(all.narrow(1, begin, column.dim));
    begin += column.dim;
  }
}

}  // namespace concertina
