#include "supernet/model/touched_mask.h"

#include <algorithm>
#include <cstddef>

namespace concertina {
namespace {

constexpr int64_t kBits = 64;

int64_t words_for(int64_t bits) { return (bits + kBits - 1) / kBits; }

void set_run(uint64_t* words, int64_t begin, int64_t count) {
  const int64_t end = begin + count;
  const int64_t first = begin / kBits, last = (end - 1) / kBits;
  const uint64_t head = ~uint64_t{0} << (begin % kBits);
  const uint64_t tail = ~uint64_t{0} >> (kBits - 1 - (end - 1) % kBits);
  if (first == last) {
    words[first] |= head & tail;
    return;
  }
  words[first] |= head;
  std::fill(words + first + 1, words + last, ~uint64_t{0});
  words[last] |= tail;
}

// Run by run: there are tens of thousands a step, too many for a tensor each.
void set_part(uint64_t* words, int64_t offset, at::IntArrayRef sizes, at::IntArrayRef strides) {
  if (sizes.empty()) return set_run(words, offset, 1);
  int64_t run = 1;  // elements of the dimensions from the second on, where they are contiguous
  for (size_t d = sizes.size(); d-- > 1;) run = strides[d] == run ? run * sizes[d] : 0;
  if (run > 0 && strides[0] == run) return set_run(words, offset, run * sizes[0]);
  for (int64_t i = 0; i < sizes[0]; ++i) {
    if (run > 0) {
      set_run(words, offset + i * strides[0], run);
    } else {
      set_part(words, offset + i * strides[0], sizes.slice(1), strides.slice(1));
    }
  }
}

}  // namespace

TouchedMask::TouchedMask(const at::Tensor& buffer) : buffer_(buffer) {
  if (buffer.is_cpu()) {
    words_.resize(static_cast<size_t>(words_for(buffer.numel()) + 1));
  } else {
    bytes_ = at::zeros_like(buffer, at::kByte);
  }
}

int64_t TouchedMask::offset(const at::Tensor& part) const {
  const auto* begin = static_cast<const std::byte*>(buffer_.const_data_ptr());
  return (static_cast<const std::byte*>(part.const_data_ptr()) - begin) / part.element_size();
}

void TouchedMask::add(const at::Tensor& part) {
  if (part.numel() == 0) return;
  if (bytes_.defined()) {
    of(part).fill_(1);
  } else {
    set_part(words_.data(), offset(part), part.sizes(), part.strides());
  }
}

void TouchedMask::add_rows(const at::Tensor& part, int64_t dim, const at::Tensor& rows) {
  if (bytes_.defined()) {
    of(part).index_fill_(dim, rows, 1);
  } else {
    const int64_t* row = rows.const_data_ptr<int64_t>();
    for (int64_t i = 0; i < rows.numel(); ++i) add(part.narrow(dim, row[i], 1));
  }
}

void TouchedMask::clear() {
  if (bytes_.defined()) bytes_.zero_();
  std::fill(words_.begin(), words_.end(), 0);
}

at::Tensor TouchedMask::of(const at::Tensor& part) const {
  at::Tensor bytes = bytes_;
  if (!bytes.defined()) {
    bytes = at::empty_like(buffer_, at::kByte);
    auto* byte = bytes.data_ptr<uint8_t>();
    for (int64_t i = 0; i < bytes.numel(); ++i) {
      byte[i] = static_cast<uint8_t>(words_[static_cast<size_t>(i / kBits)] >> (i % kBits) & 1);
    }
  }
  return bytes.as_strided(part.sizes(), part.strides(), offset(part));
}

uint64_t TouchedMask::block(int64_t first) const {
  const uint64_t* word = words_.data() + first / kBits;
  const int64_t shift = first % kBits;
  return shift == 0 ? *word : *word >> shift | word[1] << (kBits - shift);
}

bool TouchedMask::any(int64_t begin, int64_t count) const {
  const auto first = words_.begin() + begin / kBits;
  return std::any_of(first, first + words_for(count), [](uint64_t word) { return word != 0; });
}

void TouchedMask::add(const TouchedMask& other, int64_t begin, int64_t count) {
  const auto first = static_cast<size_t>(begin / kBits);
  for (size_t i = first; i < first + static_cast<size_t>(words_for(count)); ++i)
    words_[i] |= other.words_[i];
}

void TouchedMask::clear(int64_t begin, int64_t count) {
  std::fill_n(words_.begin() + begin / kBits, words_for(count), 0);
}

}  // namespace concertina
