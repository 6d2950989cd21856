// What the machine is and what this process may take of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace concertina {

std::string cpu_name();  // as the system calls it

struct Machine {
  std::string cpu;
  std::vector<std::string> instruction_sets;  // of the CPU, those that matrix products use
  int32_t cpus = 1;                           // that this process may run on
  double cpu_quota = 0;                       // CPUs of time its control group grants; 0: no limit
  int64_t memory = 0;                         // bytes, of the machine or of the control group
  int64_t free_memory = 0;                    // bytes that can be taken without swapping
};

// What the system does not say stays at its default. Thread-safe.
Machine this_machine();

// Bytes this user may still write below `folder`. SystemError when it cannot be asked.
int64_t free_disk(const std::filesystem::path& folder);

// Whether a program of this name is found in PATH.
bool has_program(const std::string& name);

}  // namespace concertina
