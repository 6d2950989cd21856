// RNC ProPack, method 1: LZ77 with Huffman-coded lengths and distances.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace concertina {

inline constexpr size_t kMaxRncBytes = 16 << 20;  // a longer result is refused

// The bytes that `packed` (header and data; what follows them is ignored) stands for. Both CRCs are
// checked. InputError, with `name` in its message, when it is truncated, damaged, of another method,
// or stands for more than kMaxRncBytes.
std::vector<std::byte> unpack_rnc(std::span<const std::byte> packed, const std::string& name);

}  // namespace concertina
