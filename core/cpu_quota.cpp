#include "core/cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace concertina {
namespace {

namespace fs = std::filesystem;
using Quota = std::optional<double>;

std::optional<std::string> first_word(std::istream& in) {
  std::string word;
  if (in >> word) return word;
  return std::nullopt;
}

Quota ratio(const std::string& quota, const std::string& period) {
  std::istringstream text(quota + " " + period);
  double time = 0, of = 0;
  if (!(text >> time >> of) || time <= 0 || of <= 0) return std::nullopt;  // "max", or -1
  return time / of;
}

// cpu.max: "QUOTA PERIOD" in microseconds, or "max PERIOD".
Quota of_group_v2(const fs::path& group) {
  std::ifstream file(group / "cpu.max");
  const auto quota = first_word(file), period = first_word(file);
  return quota && period ? ratio(*quota, *period) : std::nullopt;
}

Quota of_group_v1(const fs::path& group) {
  std::ifstream quota_file(group / "cpu.cfs_quota_us"), period_file(group / "cpu.cfs_period_us");
  const auto quota = first_word(quota_file), period = first_word(period_file);
  return quota && period ? ratio(*quota, *period) : std::nullopt;
}

Quota lower(const Quota& a, const Quota& b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// Of a group and its ancestors. In a container the path may be the host's: then only some of its
// folders exist, at least the last one.
Quota lowest(Quota (*of_group)(const fs::path&), const fs::path& mount, fs::path group) {
  Quota result;
  for (;; group = group.parent_path()) {
    result = lower(result, of_group(mount / group));
    if (group.empty() || group == group.parent_path()) return result;
  }
}

}  // namespace

// Lines of /proc/self/cgroup are ID:CONTROLLERS:PATH; those of version 2 name no controllers.
Quota cpu_quota(const fs::path& root) {
  const fs::path mount = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  Quota result;
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const fs::path group = fs::path(line.substr(second + 1)).relative_path();
    if (controllers == ",,") {
      result = lower(result, lowest(of_group_v2, mount, group));
      result = lower(result, lowest(of_group_v2, mount / "unified", group));
    } else if (controllers.find(",cpu,") != std::string::npos) {
      result = lower(result, lowest(of_group_v1, mount / "cpu", group));
      result = lower(result, lowest(of_group_v1, mount / "cpu,cpuacct", group));
    }
  }
  return result;
}

}  // namespace concertina
