#include "core/crc.h"

#include <array>

namespace concertina {
namespace {

using Table = std::array<uint32_t, 256>;

constexpr Table table_of(uint32_t polynomial) {  // bits reversed
  Table table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int32_t bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) * polynomial);
    table[i] = value;
  }
  return table;
}

constexpr Table kIeee = table_of(0xEDB88320U), kCastagnoli = table_of(0x82F63B78U);

uint32_t crc_of(std::span<const std::byte> bytes, const Table& table) {
  uint32_t crc = ~0U;
  for (const std::byte byte : bytes)
    crc = (crc >> 8) ^ table[(crc ^ static_cast<uint32_t>(byte)) & 0xFF];
  return ~crc;
}

}  // namespace

uint32_t crc32(std::span<const std::byte> bytes) { return crc_of(bytes, kIeee); }

uint32_t crc32c(std::span<const std::byte> bytes) { return crc_of(bytes, kCastagnoli); }

}  // namespace concertina
