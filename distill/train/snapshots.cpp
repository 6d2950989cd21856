#include "distill/train/snapshots.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "core/errors.h"
#include "core/hash.h"

namespace concertina {
namespace {

constexpr const char* kSuffix = ".safetensors";

std::optional<int64_t> step_of(const std::filesystem::path& file) {
  const std::string name = file.stem().string();
  int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size() || file.extension() != kSuffix)
    return std::nullopt;
  return step;
}

}  // namespace

std::filesystem::path snapshot_file(const std::filesystem::path& folder, int64_t step) {
  return folder / fmt::format("{}{}", step, kSuffix);
}

std::vector<Snapshot> find_snapshots(const std::filesystem::path& folder) {
  std::vector<Snapshot> snapshots;
  std::error_code error;  // a folder that cannot be read has none
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (const auto step = step_of(entry.path())) snapshots.push_back({*step, entry.path()});
  }
  std::ranges::sort(snapshots);
  if (snapshots.empty()) {
    throw InputError(fmt::format(
        "{} has no snapshots (STEP.safetensors): a run with snapshot_every makes them in its "
        "snapshots/",
        folder.string()));
  }
  return snapshots;
}

size_t SnapshotSchedule::at(std::optional<double> progress) const {
  const size_t last = snapshots.size() - 1;
  if (!progress) return last;
  const double step = *progress * static_cast<double>(snapshots[last].step);
  const auto later = std::ranges::find_if(
      snapshots, [&](const Snapshot& s) { return static_cast<double>(s.step) > step; });
  const auto reached = static_cast<size_t>(later - snapshots.begin());
  if (guidance == Guidance::kWaypoint) return std::min(reached, last);
  return reached == 0 ? 0 : reached - 1;
}

std::string sha256_of(const SnapshotSchedule& schedule) {
  std::string text(enum_name(schedule.guidance));
  for (const auto& [step, model] : schedule.snapshots)
    text += fmt::format(" {} {}", step, sha256_file(model));
  return sha256(text);
}

}  // namespace concertina
