// Header, big-endian: "RNC", u8 method, u32 unpacked bytes, u32 packed bytes, u16 CRC-16 of the
// unpacked bytes, u16 CRC-16 of the packed ones, u8 overlap when unpacking in place, u8 blocks.
// Data: bits, the lowest first, in 16-bit little-endian words, each stored where the first of its
// bits is needed; the bytes of literals lie between the words. After two flag bits each block has
// three Huffman tables, for the number of literals, the distance - 1 and the length - 2 of a copy,
// then u16 steps: literals and a copy, the last step literals only. A table: 5 bits, the number of
// symbols, and 4 bits for each, the length of its code, 0 when unused; codes are canonical. Symbol s
// stands for s when s < 2, else for 2^(s-1) plus the number in the next s - 1 bits.
#include "speech/readers/rnc.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>

#include "core/errors.h"

namespace concertina {
namespace {

using Bytes = std::span<const std::byte>;

constexpr size_t kHeaderBytes = 18;
constexpr uint32_t kMaxSymbols = 16;
constexpr size_t kMaxCodeBits = 15;

uint32_t big_endian(Bytes bytes, size_t at, size_t size) {
  uint32_t value = 0;
  for (const std::byte b : bytes.subspan(at, size))
    value = value << 8 | std::to_integer<uint32_t>(b);
  return value;
}

// CRC-16/ARC: polynomial 0x8005, reflected, starting at 0.
uint32_t crc16(Bytes bytes) {
  uint32_t crc = 0;
  for (const std::byte b : bytes) {
    crc ^= std::to_integer<uint32_t>(b);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xA001 : crc >> 1;
  }
  return crc;
}

struct Damage : std::exception {};  // becomes an InputError that has the name

class Source {
 public:
  explicit Source(Bytes bytes) : bytes_(bytes) {}

  uint32_t bits(uint32_t count) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < count; ++i) value |= bit() << i;
    return value;
  }

  uint32_t bit() {
    if (left_ == 0) {
      // The last word may lack its upper byte where its bits are not needed.
      const Bytes word = literals(bytes_.size() == 1 ? 1 : 2);
      word_ = std::to_integer<uint32_t>(word[0]);
      if (word.size() == 2) word_ |= std::to_integer<uint32_t>(word[1]) << 8;
      left_ = 16;
    }
    const uint32_t value = word_ & 1;
    word_ >>= 1;
    --left_;
    return value;
  }

  Bytes literals(size_t count) {
    if (count > bytes_.size()) throw Damage{};
    const Bytes taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }

 private:
  Bytes bytes_;
  uint32_t word_ = 0;
  int left_ = 0;  // bits of word_
};

class Table {
 public:
  explicit Table(Source& source) {
    const uint32_t symbols = source.bits(5);
    if (symbols > kMaxSymbols) throw Damage{};
    std::array<uint32_t, kMaxSymbols> lengths{};
    for (uint32_t s = 0; s < symbols; ++s) lengths.at(s) = source.bits(4);
    for (uint32_t length = 1; length <= kMaxCodeBits; ++length) {
      for (uint32_t s = 0; s < symbols; ++s) {
        if (lengths.at(s) == length) sorted_.at(used_++) = s;
      }
      end_.at(length) = used_;
    }
  }

  uint32_t value(Source& source) const {
    const uint32_t s = symbol(source);
    return s < 2 ? s : (1U << (s - 1)) + source.bits(s - 1);
  }

 private:
  // Codes of one length are consecutive; the first follows the last shorter one, one bit longer.
  uint32_t symbol(Source& source) const {
    uint32_t code = 0;  // counted from the first code of its length
    for (size_t length = 1; length <= kMaxCodeBits; ++length) {
      code = 2 * code + source.bit();
      const uint32_t of_length = end_.at(length) - end_.at(length - 1);
      if (code < of_length) return sorted_.at(end_.at(length - 1) + code);
      code -= of_length;
    }
    throw Damage{};
  }

  std::array<uint32_t, kMaxSymbols> sorted_{};    // symbols by length of code
  std::array<uint32_t, kMaxCodeBits + 1> end_{};  // in sorted_, of the codes of each length
  uint32_t used_ = 0;
};

void copy_back(std::vector<std::byte>& out, size_t distance, size_t length, size_t size) {
  if (distance > out.size() || length > size - out.size()) throw Damage{};
  for (size_t i = 0; i < length; ++i) out.push_back(out[out.size() - distance]);
}

void unpack_block(Source& source, std::vector<std::byte>& out, size_t size) {
  const Table literals(source);
  const Table distances(source);
  const Table lengths(source);
  const uint32_t steps = source.bits(16);
  for (uint32_t step = 0; step < steps; ++step) {
    const Bytes run = source.literals(literals.value(source));
    if (run.size() > size - out.size()) throw Damage{};
    out.insert(out.end(), run.begin(), run.end());
    if (step + 1 == steps) break;
    const size_t distance = distances.value(source) + size_t{1};
    copy_back(out, distance, lengths.value(source) + size_t{2}, size);
  }
}

std::vector<std::byte> unpack_data(Bytes data, size_t size, uint32_t blocks) {
  std::vector<std::byte> out;
  out.reserve(size);
  Source source(data);
  source.bits(2);
  for (uint32_t i = 0; i < blocks; ++i) unpack_block(source, out, size);
  if (out.size() != size) throw Damage{};
  return out;
}

}  // namespace

std::vector<std::byte> unpack_rnc(Bytes packed, const std::string& name) {
  const auto is = [packed](size_t at, char c) { return packed[at] == static_cast<std::byte>(c); };
  if (packed.size() < kHeaderBytes || !is(0, 'R') || !is(1, 'N') || !is(2, 'C') || !is(3, 1))
    throw InputError(name + ": not data of RNC ProPack, method 1, or truncated");
  const size_t size = big_endian(packed, 4, 4);
  const size_t packed_size = big_endian(packed, 8, 4);
  if (size > kMaxRncBytes) {
    throw InputError(
        fmt::format("{}: {} bytes unpacked, expected at most {}", name, size, kMaxRncBytes));
  }
  if (packed_size > packed.size() - kHeaderBytes) {
    throw InputError(fmt::format("{}: truncated: {} of {} packed bytes", name,
                                 packed.size() - kHeaderBytes, packed_size));
  }
  const Bytes data = packed.subspan(kHeaderBytes, packed_size);
  if (crc16(data) != big_endian(packed, 14, 2))
    throw InputError(name + ": damaged: the CRC of the packed bytes is another");
  try {
    std::vector<std::byte> out = unpack_data(data, size, big_endian(packed, 17, 1));
    if (crc16(out) == big_endian(packed, 12, 2)) return out;
  } catch (const Damage&) {
    throw InputError(name + ": damaged: its data cannot be unpacked");
  }
  throw InputError(name + ": damaged: the CRC of the unpacked bytes is another");
}

}  // namespace concertina
