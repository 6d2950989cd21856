#include "core/launch.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "core/errors.h"

namespace concertina {
namespace {

struct Names {
  const char *rank, *size, *local_rank, *local_size;
};
// The first whose size is set is used. srun's are those of a step: a batch script in an allocation
// of many tasks is itself one process.
constexpr Names kLaunchers[] = {
    {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"},
};

std::optional<int32_t> number(const Environment& environment, const char* name, int32_t low,
                              int32_t high) {
  const char* value = environment(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  const std::string_view text = value;
  int32_t result = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  const bool whole = end == text.data() + text.size() || *end == '(';  // SLURM: "2(x3)"
  if (error != std::errc() || !whole || result < low || result > high) {
    throw InputError(fmt::format("environment variable {}={}: expected a number from {} to {}",
                                 name, text, low, high));
  }
  return result;
}

int32_t needed(const Environment& environment, const char* name, int32_t low, int32_t high,
               const char* because) {
  const auto value = number(environment, name, low, high);
  if (!value) throw InputError(fmt::format("{} is set but {} is not", because, name));
  return *value;
}

std::string text(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Launch read_launch(const Environment& environment) {
  constexpr int32_t kMost = 65536;
  Launch launch;
  for (const Names& names : kLaunchers) {
    const auto size = number(environment, names.size, 1, kMost);
    if (!size) continue;
    launch.size = *size;
    if (launch.size == 1) return launch;
    launch.rank = needed(environment, names.rank, 0, launch.size - 1, names.size);
    launch.local_size = number(environment, names.local_size, 1, launch.size).value_or(launch.size);
    launch.local_rank =
        number(environment, names.local_rank, 0, launch.size - 1).value_or(launch.rank);
    break;
  }
  if (launch.size == 1) return launch;
  launch.port =
      static_cast<uint16_t>(number(environment, "MASTER_PORT", 1, 65535).value_or(launch.port));
  launch.served = text(environment, "TORCHELASTIC_USE_AGENT_STORE") == "True";
  launch.attempt = number(environment, "TORCHELASTIC_RESTART_COUNT", 0, kMost).value_or(0);
  for (const char* name : {"MASTER_ADDR", "SLURM_LAUNCH_NODE_IPADDR"}) {
    const std::string address = text(environment, name);
    if (address.empty()) continue;
    launch.address = address;
    return launch;
  }
  if (launch.local_size < launch.size) {
    throw InputError(fmt::format(
        "{} processes on several machines: set MASTER_ADDR to the name or address of rank 0's",
        launch.size));
  }
  return launch;
}

Launch read_launch() {
  return read_launch([](const char* name) { return std::getenv(name); });
}

}  // namespace concertina
