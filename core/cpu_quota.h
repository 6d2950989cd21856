// How much CPU time the control groups of this process leave it, as container engines and job
// schedulers set them.
#pragma once

#include <filesystem>
#include <optional>

namespace concertina {

// CPUs' worth of time a second, such as 1.5: the lowest of the process's group and those above it,
// for version 1 (cpu.cfs_quota_us / cpu.cfs_period_us) and version 2 (cpu.max) of control groups.
// Empty without a limit. `root`: where /proc and /sys are.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace concertina
