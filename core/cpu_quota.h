// The CPU quota of this process, as container engines and job schedulers set it.
#pragma once

#include <filesystem>
#include <optional>

namespace concertina {

// In CPUs, such as 1.5: the lowest quota of the process's control group and its ancestors, for
// version 1 (cpu.cfs_quota_us / cpu.cfs_period_us) and version 2 (cpu.max) of control groups. Empty
// without a limit. `root`: the folder of /proc and /sys.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace concertina
