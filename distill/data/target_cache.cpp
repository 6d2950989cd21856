#include "distill/data/target_cache.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
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
  return source.teacher.tensors.begin()->second.device();
}

void write_windows(TargetFile& file, const std::vector<TargetWindow>& windows, size_t first,
                   size_t last, const TargetCache::Source& source) {
  at::NoGradGuard no_grad;
  const int64_t frame_samples = source.teacher.blueprint.base_frame_samples();
  SpeechBatch batch = make_batch(audio_of(windows, first, last, source.clips, frame_samples));
  batch.waveform = batch.waveform.to(device_of(source));
  const at::Tensor targets =
      target_of(source.objective, source.teacher, batch).to(at::kCPU, at::kFloat);
  for (size_t i = first; i < last; ++i) {
    const TargetWindow& w = windows[i];
    file.write_rows(w.kept_first, targets[static_cast<int64_t>(i - first)].narrow(
                                      0, w.kept_first - w.first, w.kept_frames));
  }
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
                     const TargetCache::Source& source, const StopToken& stop) {
  auto saved = Clock::now();
  auto done = static_cast<size_t>(file.windows_done());
  if (done > 0) log_info("teacher targets: resuming at window {} of {}", done, windows.size());
  while (done < windows.size()) {
    const size_t last = end_of_batch(windows, done);
    try {
      write_windows(file, windows, done, last, source);
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

int64_t target_dim(const TargetCache::Source& source) {
  at::NoGradGuard no_grad;
  const Blueprint& blueprint = source.teacher.blueprint;
  const int64_t samples = blueprint.base_frame_samples() * 10;
  const SpeechBatch batch =
      make_batch(at::zeros({1, samples}, at::TensorOptions(device_of(source))));
  return target_of(source.objective, source.teacher, batch).size(2);
}

std::string file_name(const TargetCache::Source& source, const std::vector<TargetWindow>& windows,
                      CacheDtype dtype) {
  std::string text = fmt::format("{}\n{}\n{}\n", source.fingerprint, source.objective.to_json(),
                                 dtype == CacheDtype::kInt8);
  for (const TargetWindow& w : windows) text += fmt::format("{}+{} ", w.kept_first, w.frames);
  for (const JoinedClips::ClipSpan& span : source.clips.clips()) {
    text += fmt::format("{}:{} ", span.clip, span.frames);
  }
  return fmt::format("targets-{:016x}.safetensors", hash64(text));
}

void make_file(const fs::path& path, const TargetCache::Source& source,
               const std::vector<TargetWindow>& windows, CacheDtype dtype, const StopToken& stop) {
  const SavesOnStop saves;  // the targets so far are saved when a stop is requested
  const int64_t frames = source.clips.total_frames(), dim = target_dim(source);
  const double seconds =
      static_cast<double>(frames) * source.teacher.blueprint.base_frame_period_us() * 1e-6;
  log_info("teacher targets of {} of audio take {:.2f} GB as {}, in {}", format_seconds(seconds),
           static_cast<double>(target_bytes(frames, dim, dtype)) * 1e-9, enum_name(dtype),
           path.string());
  TargetFile file(path, frames, dim, dtype);
  compute_targets(file, windows, source, stop);
}

}  // namespace

TargetCache::TargetCache(const fs::path& folder, const Source& source, CacheDtype dtype,
                         const StopToken& stop) {
  const auto windows = target_windows(source.clips, source.teacher.blueprint, source.batch);
  path_ = folder / file_name(source, windows, dtype);
  if (!fs::exists(path_)) {
    make_directories(folder);
    make_file(path_, source, windows, dtype, stop);
  }
  const bool bytes = dtype == CacheDtype::kInt8;
  const SafetensorsFile file = read_safetensors(path_);
  const auto targets = file.tensors.find("targets"), scales = file.tensors.find("scales");
  if (targets == file.tensors.end() || targets->second.size(0) != source.clips.total_frames() ||
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
  return rows * scales_.narrow(0, first_frame, frames).unsqueeze(1);
}

}  // namespace concertina
