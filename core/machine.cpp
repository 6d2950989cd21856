#include "core/machine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include "core/cpu_quota.h"
#include "core/errors.h"
#include "core/threads.h"

namespace concertina {
namespace {

constexpr std::array kInstructionSets = {
    "sse4_2",   "avx",      "avx2",     "fma",         "f16c",        "avx_vnni",
    "avx512f",  "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16",
    "amx_tile", "amx_bf16", "amx_fp16", "amx_int8",    "asimd",       "asimdhp",
    "sve",      "sve2",     "bf16",     "i8mm"};
const char* const kGroup = "/sys/fs/cgroup";

// The value of the first line that starts with one of the keys.
std::string cpuinfo(std::initializer_list<const char*> keys) {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (std::ranges::none_of(keys, [&](const char* key) { return line.starts_with(key); }))
      continue;
    const size_t value = line.find_first_not_of(" \t", line.find(':') + 1);
    if (value != std::string::npos) return line.substr(value);
  }
  return "";
}

std::vector<std::string> instruction_sets() {
  std::istringstream flags(cpuinfo({"flags", "Features"}));
  std::vector<std::string> there, known;
  for (std::string flag; flags >> flag;) there.push_back(flag);
  for (const char* name : kInstructionSets) {
    if (std::ranges::find(there, name) != there.end()) known.emplace_back(name);
  }
  return known;
}

// The first number of a file of the control group; none for "max" and a missing file.
std::optional<double> first_number(const std::string& file) {
  std::ifstream in(std::string(kGroup) + file);
  double value = 0;
  if (!(in >> value) || value < 0) return std::nullopt;
  return value;
}

// In bytes, of /proc/meminfo.
int64_t meminfo(std::string_view key) {
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with(key)) return std::atoll(line.c_str() + key.size()) * 1024;
  }
  return 0;
}

void limit_by_group(Machine& machine) {
  const auto limit = first_number("/memory.max"), used = first_number("/memory.current");
  if (!limit || *limit >= static_cast<double>(machine.memory)) return;
  machine.memory = static_cast<int64_t>(*limit);
  const auto left = static_cast<int64_t>(*limit - std::min(used.value_or(0), *limit));
  machine.free_memory = std::min(machine.free_memory, left);
}

}  // namespace

std::string cpu_name() {
  const std::string name = cpuinfo({"model name", "Model"});
  return name.empty() ? "unknown CPU" : name;
}

Machine this_machine() {
  Machine machine;
  machine.cpu = cpu_name();
  machine.instruction_sets = instruction_sets();
  machine.cpus = hardware_threads();
  machine.cpu_quota = cpu_quota().value_or(0);
  machine.memory = meminfo("MemTotal:");
  machine.free_memory = meminfo("MemAvailable:");
  limit_by_group(machine);
  return machine;
}

int64_t free_disk(const std::filesystem::path& folder) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  if (error) throw SystemError(fmt::format("{}: {}", folder.string(), error.message()));
  return static_cast<int64_t>(space.available);
}

bool has_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((std::filesystem::path(folder) / name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace concertina
