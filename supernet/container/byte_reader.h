// Reads bytes sequentially; a read beyond the end is an InputError that names file and byte.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace concertina {

static_assert(std::endian::native == std::endian::little, "checkpoints hold little-endian data");

using ByteSpan = std::span<const std::byte>;

// "NAME cannot be read: at byte AT: WHAT"; throws InputError.
[[noreturn]] void throw_damaged(const std::string& name, uint64_t at, const std::string& what);

class ByteReader {
 public:
  // `bytes` is the part of the file `name` from byte `base` on; not owned.
  ByteReader(ByteSpan bytes, std::string name, uint64_t base = 0)
      : bytes_(bytes), name_(std::move(name)), base_(base) {}

  template <class T>
  T read() {  // little-endian
    const std::string_view raw = take(sizeof(T));
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }
  std::string_view take(uint64_t count);  // a view of the file
  std::string_view take_line();           // without its newline
  void skip(uint64_t count) { take(count); }

  uint64_t at() const { return base_ + position_; }  // the next byte of the file
  uint64_t left() const { return bytes_.size() - position_; }
  const std::string& name() const { return name_; }
  [[noreturn]] void fail(const std::string& what) const { throw_damaged(name_, at(), what); }

 private:
  ByteSpan bytes_;
  std::string name_;
  uint64_t base_;
  size_t position_ = 0;
};

}  // namespace concertina
