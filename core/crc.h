// Cyclic redundancy checks of 32 bits, reflected, with the initial value and the final inversion of
// their formats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace concertina {

uint32_t crc32(std::span<const std::byte> bytes);   // IEEE 802.3, as in zip archives
uint32_t crc32c(std::span<const std::byte> bytes);  // Castagnoli, as in TFRecord files

}  // namespace concertina
