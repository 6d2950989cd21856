// Features of the CPU.
#pragma once

#include <initializer_list>

namespace concertina {

// Whether it has one of these features; names as in at::cpu::get_cpu_capabilities. Thread-safe.
bool cpu_has_any(std::initializer_list<const char*> features);

}  // namespace concertina
