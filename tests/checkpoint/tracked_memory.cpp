#include "tests/checkpoint/tracked_memory.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace concertina::testing {
namespace {

std::atomic<size_t> in_use = 0, at_start = 0, highest = 0;

}  // namespace

void* counted(void* memory) {
  if (memory == nullptr) return nullptr;
  const size_t now = in_use += malloc_usable_size(memory);
  size_t before = highest;
  while (now > before && !highest.compare_exchange_weak(before, now)) {
  }
  return memory;
}

void* taken(size_t size) {
  void* memory = counted(std::malloc(size));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void given_back(void* memory) {
  if (memory == nullptr) return;
  in_use -= malloc_usable_size(memory);
  std::free(memory);
}

void reset_peak() { highest = at_start = in_use.load(); }
size_t peak_bytes() { return highest - at_start; }

}  // namespace concertina::testing

using concertina::testing::counted;
using concertina::testing::given_back;
using concertina::testing::taken;

// All but the aligned forms, which nothing here uses.
void* operator new(size_t size) { return taken(size); }
void* operator new[](size_t size) { return taken(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return counted(std::malloc(size));
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return counted(std::malloc(size));
}
void operator delete(void* memory) noexcept { given_back(memory); }
void operator delete[](void* memory) noexcept { given_back(memory); }
void operator delete(void* memory, size_t) noexcept { given_back(memory); }
void operator delete[](void* memory, size_t) noexcept { given_back(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { given_back(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { given_back(memory); }
