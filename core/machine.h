// The machine and the share of it that this process may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace concertina {

std::string cpu_name();  // as the system reports it

struct Machine {
  std::string cpu;
  std::vector<std::string> instruction_sets;  // of the CPU, as far as matrix products use them
  int32_t cpus = 1;                           // that this process may run on
  double cpu_quota = 0;                       // in CPUs, of the control group; 0: no limit
  int64_t memory = 0;                         // bytes; of the control group where it has a limit
  int64_t free_memory = 0;                    // bytes that can be allocated without swapping
};

// What the system does not report keeps its default. Thread-safe.
Machine this_machine();

// Bytes that this user may still write in the file system of `folder`. SystemError when it cannot
// be queried.
int64_t free_disk(const std::filesystem::path& folder);

// Whether a program of this name is found in PATH.
bool has_program(const std::string& name);

}  // namespace concertina
