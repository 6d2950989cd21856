#include "distill/data/target_cache.h"

#include <ATen/Parallel.h>
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

void write_windows(TargetFile& file, std::span<const TargetWindow> windows,
                   const TargetSource& source, const std::vector<Row>& rows) {
  const at::Tensor targets = window_rows(source, rows, windows);
  for (size_t i = 0; i < windows.size(); ++i) {
    const TargetWindow& w = windows[i];
    file.write_rows(w.kept_first, targets[static_cast<int64_t>(i)].narrow(0, w.kept_first - w.first,
                                                                          w.kept_frames));
  }
}

// As parts of one thread each, on the CPU.
void write_batch(TargetFile& file, const std::vector<TargetWindow>& windows, size_t first,
                 size_t last, const TargetSource& source, const std::vector<Row>& rows) {
  const size_t count = last - first;
  const bool on_cpu = source.device() == at::kCPU;
  const size_t parts = on_cpu ? std::min(count, static_cast<size_t>(at::get_num_threads())) : 1;
  one_thread_each(parts, [&](size_t i) {
    const size_t from = count * i / parts, to = count * (i + 1) / parts;
    write_windows(file, {windows.data() + first + from, to - from}, source, rows);
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
                     const TargetSource& source, const std::vector<Row>& rows,
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

std::string file_name(const TargetSource& source, const std::vector<Row>& rows,
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

void make_file(const fs::path& path, const TargetSource& source, const std::vector<Row>& rows,
               const std::vector<TargetWindow>& windows, CacheDtype dtype, const StopToken& stop) {
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
  const std::vector<Row> rows = source.sorted_rows();
  path_ = folder / file_name(source, rows, windows, dtype);
  if (!fs::exists(path_)) {
    make_directories(folder);
    make_file(path_, source, rows, windows, dtype, stop);
  }
  const bool bytes = dtype == CacheDtype::kInt8;
  const SafetensorsFile file = read_safetensors(path_);
  const auto targets = file.tensors.find("targets"), scales = file.tensors.find("scales");
  columns_ = columns_in(file);
  bool same = columns_.size() == rows.size();
  for (size_t i = 0; same && i < rows.size(); ++i) same = columns_[i].row == name_of(rows[i]);
  if (!same || targets == file.tensors.end() ||
      targets->second.sizes() !=
          at::IntArrayRef({source.clips.total_frames(), width_of(columns_)}) ||
      (bytes && scales == file.tensors.end())) {
    throw InputError(
        fmt::format("{} does not hold the targets of this corpus: remove it", path_.string()));
  }
  rows_.values = targets->second;
  if (bytes) rows_.scales = scales->second;
}

at::Tensor TargetCache::read(int64_t first_frame, int64_t frames) const {
  StoredRows part{rows_.values.narrow(0, first_frame, frames), {}};
  if (rows_.scales.defined()) part.scales = rows_.scales.narrow(0, first_frame, frames);
  return restored_rows(part, columns_);
}

}  // namespace concertina
