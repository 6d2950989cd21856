// Which elements of a flat buffer were written: one bit each on the CPU, where 94 M of them are
// read several times a step, one byte each on other devices. Not thread-safe.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace concertina {

class TouchedMask {
 public:
  explicit TouchedMask(const at::Tensor& buffer);  // [numel]

  // Elements are named by a view of the buffer.
  void add(const at::Tensor& part);
  void add_rows(const at::Tensor& part, int64_t dim, const at::Tensor& rows);  // rows int64
  void clear();
  at::Tensor of(const at::Tensor& part) const;  // uint8 of its shape: 1 where marked

  // CPU only. A block is the bits of 64 elements, the first in the lowest bit; zero beyond the end.
  uint64_t block(int64_t first) const;
  bool any(int64_t begin, int64_t count) const;                      // begin a multiple of 64
  void clear(int64_t begin, int64_t count);                          // as above
  void add(const TouchedMask& other, int64_t begin, int64_t count);  // of a buffer of the same size

 private:
  int64_t offset(const at::Tensor& part) const;

  at::Tensor buffer_;
  std::vector<uint64_t> words_;  // CPU; one more than needed
  at::Tensor bytes_;             // other devices
};

}  // namespace concertina
