#include "tests/speech/steel_sky_data.h"

#include <algorithm>
#include <bit>

#include "tests/speech/synthetic_data.h"

namespace concertina::testing {
namespace {

constexpr size_t kHeaderBytes = 18;

uint32_t crc16(const std::string& bytes) {
  uint32_t crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc % 2 == 1 ? 0xA001 : 0);
  }
  return crc;
}

std::string big_endian(size_t value, int bytes) {
  std::string result;
  for (int i = bytes - 1; i >= 0; --i) result += static_cast<char>(value >> (8 * i));
  return result;
}

std::string little_endian(size_t value, int bytes) {
  std::string result;
  for (int i = 0; i < bytes; ++i) result += static_cast<char>(value >> (8 * i));
  return result;
}

// Words of 16 bits that are placed when their first bit is written.
class BitWriter {
 public:
  void bit(uint32_t value) {
    if (used_ == 16) {
      word_at_ = bytes_.size();
      bytes_ += std::string(2, '\0');
      used_ = 0;
    }
    if (value != 0) bytes_[word_at_ + used_ / 8] |= static_cast<char>(1 << used_ % 8);
    ++used_;
  }
  void bits(size_t value, size_t count) {
    for (size_t i = 0; i < count; ++i) bit(value >> i & 1);
  }
  void literals(const std::string& bytes) { bytes_ += bytes; }
  std::string finish() {
    if (used_ <= 8 && word_at_ + 2 == bytes_.size()) bytes_.pop_back();
    return bytes_;
  }

 private:
  std::string bytes_;
  size_t word_at_ = 0;
  size_t used_ = 16;
};

// Symbol s has a code of min(rank + 1, 15) bits, ones and then a zero; all ones for the last.
class TableWriter {
 public:
  explicit TableWriter(bool reversed) : reversed_(reversed) {}
  void write(BitWriter& out) const {
    out.bits(16, 5);
    for (size_t s = 0; s < 16; ++s) out.bits(bits_of(s), 4);
  }
  void value(BitWriter& out, size_t value) const {
    const auto symbol = static_cast<size_t>(std::bit_width(value));
    const size_t bits = bits_of(symbol);
    // Of the two codes of 15 bits the lower symbol has the lower one.
    const bool all_ones = bits == 15 && symbol == (reversed_ ? 1 : 15);
    for (size_t i = 0; i < bits; ++i) out.bit(i + 1 < bits || all_ones ? 1 : 0);
    if (symbol >= 2) out.bits(value - (size_t{1} << (symbol - 1)), symbol - 1);
  }

 private:
  size_t bits_of(size_t symbol) const {
    const size_t rank = reversed_ ? 15 - symbol : symbol;
    return std::min<size_t>(rank + 1, 15);
  }
  bool reversed_;
};

void append(std::string& plain, const RncStep& step) {
  plain += step.literals;
  for (size_t i = 0; i < step.length; ++i)
    plain += step.distance > plain.size() ? '?' : plain[plain.size() - step.distance];
}

}  // namespace

std::string rnc_of(const std::vector<std::vector<RncStep>>& blocks) {
  const TableWriter literals(false), distances(true), lengths(false);
  BitWriter out;
  std::string plain;
  out.bits(0, 2);
  for (const auto& steps : blocks) {
    for (const TableWriter* table : {&literals, &distances, &lengths}) table->write(out);
    out.bits(steps.size(), 16);
    for (size_t i = 0; i < steps.size(); ++i) {
      literals.value(out, steps[i].literals.size());
      out.literals(steps[i].literals);
      append(plain, steps[i]);
      if (i + 1 == steps.size()) break;
      distances.value(out, steps[i].distance - 1);
      lengths.value(out, steps[i].length - 2);
    }
  }
  const std::string data = out.finish();
  return "RNC\1" + big_endian(plain.size(), 4) + big_endian(data.size(), 4) +
         big_endian(crc16(plain), 2) + big_endian(crc16(data), 2) + '\0' +
         static_cast<char>(blocks.size()) + data;
}

void set_rnc_crc(std::string& packed) {
  packed.replace(14, 2, big_endian(crc16(packed.substr(kHeaderBytes)), 2));
}

std::string steel_sky_speech(const std::string& samples) {
  return std::string(22, '\x80') + rnc_of({{{samples}}});
}

void write_steel_sky(const std::filesystem::path& unpacked,
                     const std::vector<std::pair<uint32_t, std::string>>& files) {
  std::string index = little_endian(files.size(), 4);
  std::string disk;
  for (size_t i = 0; i < files.size(); ++i) {
    disk.resize((disk.size() + 15) / 16 * 16);
    const size_t offset = i % 2 == 0 ? disk.size() : disk.size() / 16 | size_t{1} << 23;
    index += little_endian(files[i].first, 2) + little_endian(offset, 3) +
             little_endian(files[i].second.size() | size_t{1} << 22, 3);
    disk += files[i].second;
  }
  const auto folder = unpacked / "usr/share/scummvm/beneath-a-steel-sky";
  write_file(folder / "sky.dnr", index);
  write_file(folder / "sky.dsk", disk);
}

}  // namespace concertina::testing
