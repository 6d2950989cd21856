#include "core/memory.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

namespace concertina {

std::shared_ptr<void> zero_pages(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  return {pages, [bytes](void* mapped) { munmap(mapped, bytes); }};
}

void copy_differing(void* into, const void* from, std::size_t bytes) {
  constexpr std::size_t kPart = 4096;
  for (std::size_t at = 0; at < bytes; at += kPart) {
    const std::size_t count = std::min(kPart, bytes - at);
    char* there = static_cast<char*>(into) + at;
    const char* here = static_cast<const char*>(from) + at;
    if (std::memcmp(there, here, count) != 0) std::memcpy(there, here, count);
  }
}

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

void map_large_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 1 << 16);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
#endif
}

void return_freed_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace concertina
