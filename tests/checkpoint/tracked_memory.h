// Counts the memory that operator new hands out in this test binary.
#pragma once

#include <cstddef>

namespace concertina::testing {

void reset_peak();
size_t peak_bytes();  // the most that was in use since reset_peak(), beyond what was then

}  // namespace concertina::testing
