// libFuzzer on every reader of checkpoints: clang, -DCONCERTINA_FUZZ=ON, then
//   build/fuzz/tests/checkpoint/fuzz_checkpoint -max_total_time=600 CORPUS
#include <cstddef>
#include <cstdint>

#include "tests/checkpoint/read_any.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  concertina::testing::read_any(std::as_bytes(std::span(data, size)));
  return 0;
}
