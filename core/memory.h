// How the process holds memory.
#pragma once

#include <cstddef>
#include <memory>

namespace concertina {

// Zeros, from the system page by page as they are written: what is never written takes no memory.
// std::bad_alloc where the system refuses.
std::shared_ptr<void> zero_pages(std::size_t bytes);
// Copies where the two differ, so that zeros over zero_pages() do not take their memory.
void copy_differing(void* into, const void* from, std::size_t bytes);

// Memory that is freed stays with the process for the next tensor of its size, instead of going
// back to the system and coming again as pages to be zeroed: a forward pass of 10 s is 1.1 to 1.4
// times as fast for it. The process keeps what it once needed at its peak. First in main, and
// after map_large_memory(); does nothing where the C library has no such setting.
void keep_freed_memory();

// From here on, blocks of 32 MB and more come from the system and go back to it: while things are
// set up that stay for long, so that they leave no holes between them.
void map_large_memory();

// Gives back what is free now, for the moment after something large was dropped for good. Tens of
// milliseconds a GB.
void return_freed_memory();

}  // namespace concertina
