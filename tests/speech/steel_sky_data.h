// RNC ProPack data and game archives for the tests of speech/readers/rnc and steel_sky.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace concertina::testing {

struct RncStep {
  std::string literals;
  size_t distance = 0;  // of the copy that follows; the last step of a block has none
  size_t length = 0;
};

// Header and data of method 1 for blocks of steps, with both CRCs. Each table has 16 symbols with
// codes of 1 to 15 bits; the longest codes of one table are the shortest of the next. As ProPack
// does, the last byte is left out when no bit of it is used. A copy from before the beginning, which
// no reader may accept, stands for question marks.
std::string rnc_of(const std::vector<std::vector<RncStep>>& blocks);
// The CRC of the packed bytes in the header of `packed`, after a change to them.
void set_rnc_crc(std::string& packed);

// usr/share/scummvm/beneath-a-steel-sky/sky.dnr and sky.dsk below `unpacked`; files by number. Every
// second offset is stored in units of 16 bytes.
void write_steel_sky(const std::filesystem::path& unpacked,
                     const std::vector<std::pair<uint32_t, std::string>>& files);
// A speech file: a header of 22 bytes and `samples`, unsigned 8-bit, packed.
std::string steel_sky_speech(const std::string& samples);

}  // namespace concertina::testing
