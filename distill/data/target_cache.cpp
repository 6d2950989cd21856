#include "distill/data/target_cache.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>

#include "core/errors.h"
#include "core/files.h"
#include "core/format.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/stop.h"
#include "distill/data/target_file.h"
#include "supernet/model/safetensors.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int64_t kContextShare = 6;    // of a window is context, on both sides
constexpr int64_t kShortestWindow = 6;  // frames
constexpr size_t kBatch = 8;            // windows that the teacher hears together
constexpr std::chrono::seconds kBetweenSyncs{60};

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
    file.write(w.kept_first, targets[static_cast<int64_t>(i - first)].narrow(
                                 0, w.kept_first - w.first, w.kept_frames));
  }
}

// The window after the last that can be heard together with window `first`.
size_t end_of_batch(const std::vector<TargetWindow>& windows, size_t first) {
  size_t last = first + 1;
  while (last < windows.size() && last - first < kBatch &&
         windows[last].frames == windows[first].frames) {
    ++last;
  }
  return last;
}

// What was done before an error, for the next time.
void keep(TargetFile& file, size_t windows_done) {
  try {
    file.checkpoint(static_cast<int64_t>(windows_done));
  } catch (const std::exception& error) {
    log_warn("{}", error.what());
  }
}

void fill(TargetFile& file, const std::vector<TargetWindow>& windows,
          const TargetCache::Source& source, const StopToken& stop) {
  auto synced = Clock::now();
  auto done = static_cast<size_t>(file.windows_done());
  if (done > 0) log_info("teacher targets: going on from window {} of {}", done, windows.size());
  while (done < windows.size()) {
    const size_t last = end_of_batch(windows, done);
    try {
      write_windows(file, windows, done, last, source);
    } catch (...) {
      keep(file, done);
      throw;
    }
    done = last;
    const bool stopped = stop.stop_requested();
    if (stopped || Clock::now() - synced > kBetweenSyncs) {
      file.checkpoint(static_cast<int64_t>(done));
      synced = Clock::now();
      log_info("teacher targets: window {} of {}", done, windows.size());
    }
    if (stopped) stop.throw_if_interrupted("the teacher's targets so far are kept");
  }
  file.finish();
}

int64_t window_frames(double seconds, const Blueprint& blueprint) {
  const double frames = seconds * blueprint.sample_rate / blueprint.base_frame_samples();
  return std::max<int64_t>(kShortestWindow, std::llround(frames));
}

// Windows over `frames` frames of the stream from `first` on, all of one length: the last one ends
// where they do. The model gives a frame less than it hears.
void add_windows(int64_t first, int64_t frames, int64_t window, const Blueprint& blueprint,
                 std::vector<TargetWindow>& windows) {
  const auto heard = [&](int64_t count) {
    return blueprint.frames(count * blueprint.base_frame_samples());
  };
  if (frames <= window) {
    if (heard(frames) > 0) windows.push_back({first, frames, first, heard(frames)});
    return;
  }
  const int64_t context = window / kContextShare, last_start = first + frames - window;
  for (int64_t kept = first, start = first;; start = kept - context) {
    start = std::min(start, last_start);
    const bool last = start == last_start;
    const int64_t end = start + (last ? heard(window) : window - context);
    windows.push_back({start, window, kept, end - kept});
    if (last) return;
    kept = end;
  }
}

int64_t target_dim(const TargetCache::Source& source) {
  at::NoGradGuard no_grad;
  const Blueprint& blueprint = source.teacher.blueprint;
  const int64_t samples = blueprint.base_frame_samples() * 10;
  const SpeechBatch batch =
      make_batch(at::zeros({1, samples}, at::TensorOptions(device_of(source))));
  return target_of(source.objective, source.teacher, batch).size(2);
}

}  // namespace

std::vector<TargetWindow> target_windows(const JoinedClips& clips, const Blueprint& blueprint,
                                         const BatchOptions& batch) {
  const double seconds = batch.whole_clips ? batch.longest : batch.seconds;
  const int64_t window = window_frames(seconds, blueprint);
  std::vector<TargetWindow> windows;
  if (batch.whole_clips || batch.within_clips) {
    for (const JoinedClips::ClipSpan& span : clips.clips()) {
      add_windows(span.first_frame, span.frames, window, blueprint, windows);
    }
  } else {
    add_windows(0, clips.total_frames(), window, blueprint, windows);
  }
  return windows;
}

int64_t target_bytes(int64_t frames, int64_t dim, CacheDtype dtype) {
  return dtype == CacheDtype::kInt8 ? frames * (dim + 4) : frames * dim * 2;
}

TargetCache::TargetCache(const fs::path& folder, const Source& source, CacheDtype dtype,
                         const StopToken& stop) {
  const bool bytes = dtype == CacheDtype::kInt8;
  const auto windows = target_windows(source.clips, source.teacher.blueprint, source.batch);
  std::string name = fmt::format("{}\n{}\n{}\n", source.made_by, source.objective.to_json(), bytes);
  for (const TargetWindow& w : windows) name += fmt::format("{}+{} ", w.kept_first, w.frames);
  for (const JoinedClips::ClipSpan& span : source.clips.clips()) {
    name += fmt::format("{}:{} ", span.clip, span.frames);
  }
  path_ = folder / fmt::format("targets-{:016x}.safetensors", hash64(name));
  const fs::path& path = path_;
  if (!fs::exists(path)) {
    const SavesOnStop saves;  // a stop is waited for: what the teacher said so far is kept
    make_directories(folder);
    const int64_t frames = source.clips.total_frames(), dim = target_dim(source);
    const double seconds =
        static_cast<double>(frames) * source.teacher.blueprint.base_frame_period_us() * 1e-6;
    log_info("teacher targets of {} of audio take {:.2f} GB as {}, in {}", format_seconds(seconds),
             static_cast<double>(target_bytes(frames, dim, dtype)) * 1e-9, enum_name(dtype),
             path.string());
    TargetFile file(path, frames, dim, dtype);
    fill(file, windows, source, stop);
  }
  const SafetensorsFile file = read_safetensors(path);
  const auto targets = file.tensors.find("targets"), scales = file.tensors.find("scales");
  if (targets == file.tensors.end() || targets->second.size(0) != source.clips.total_frames() ||
      (bytes && scales == file.tensors.end())) {
    throw InputError(
        fmt::format("{} does not hold the targets of this corpus: remove it", path.string()));
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
