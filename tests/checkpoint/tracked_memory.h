// Counts the memory that operator new hands out in this test binary.
#pragma once

#include <cstddef>

namespace concertina::testing {

// Bytes in use beyond those at the start, at most, while `body` ran.
void reset_peak();
size_t peak_bytes();  // since reset_peak(), on any thread

}  // namespace concertina::testing
