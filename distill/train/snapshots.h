// Models that a run in training leaves behind (`snapshot_every`), and a teacher that consists of them: its
// rows change over the student's steps (CALD, He and Garner 2024).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/enum_names.h"

namespace concertina {

struct Snapshot {
  int64_t step = 0;  // steps that were done
  std::filesystem::path model;
  auto operator<=>(const Snapshot&) const = default;
};
std::filesystem::path snapshot_file(const std::filesystem::path& folder, int64_t step);
// STEP.safetensors of a folder, by step. InputError when it has none.
std::vector<Snapshot> find_snapshots(const std::filesystem::path& folder);

// Which one teaches at the share p of the student's steps, s_i being their steps and s_n the last one's:
// waypoint the first with s_i / s_n > p, which the student has yet to reach; trajectory the last with
// s_i / s_n <= p (else the first), as if the teacher were trained beside the student and read every
// `snapshot_every` steps. At the end, and outside training, both are the last.
enum class Guidance { kNone, kWaypoint, kTrajectory };
template <>
inline constexpr auto kEnumNames<Guidance> = name_table("none", "waypoint", "trajectory");

struct SnapshotSchedule {
  Guidance guidance = Guidance::kWaypoint;
  std::vector<Snapshot> snapshots;  // by step, at least one
  size_t at(std::optional<double> progress) const;
};
std::string sha256_of(const SnapshotSchedule& schedule);  // of its settings and files

}  // namespace concertina
