// Work divided among threads as a whole. The operations of small networks are too short to be divided:
// on 2 cores, two threads in each operation of a 5 M network are no faster than one.
#pragma once

#include <cstddef>
#include <functional>

namespace concertina {

// Runs body(i) for i in [0, count) on as many threads as at::get_num_threads(), in which parallel
// operations run on one; a single body has all of them. Each takes the next i when it is done with one.
// Grad mode is that of a new thread: on. After an exception no other i is begun; the first is rethrown
// when all threads have ended.
void one_thread_each(size_t count, const std::function<void(size_t)>& body);

}  // namespace concertina
