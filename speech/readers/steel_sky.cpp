// sky.dnr, little-endian: u32 count, then `count` entries of 8 bytes: u16 number, u24 offset, u24
// flags. The file lies in sky.dsk; its size is the lower 22 bits of the flags; an offset with bit 23
// is in units of 16 bytes. Numbers 50000 to 55999 are speech: a header of 22 bytes, then unsigned
// 8-bit samples at 11025 Hz, packed with RNC.
#include <fmt/format.h>

#include <memory>

#include "core/errors.h"
#include "core/mapped_file.h"
#include "speech/readers/readers.h"
#include "speech/readers/rnc.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::byte>;

constexpr const char* kFolder = "usr/share/scummvm/beneath-a-steel-sky";
constexpr size_t kCountBytes = 4;
constexpr size_t kEntryBytes = 8;
constexpr size_t kSpeechHeader = 22;
constexpr uint32_t kFirstSpeech = 50000;
constexpr uint32_t kEndOfSpeech = 56000;
constexpr int32_t kSampleRate = 11025;

uint32_t little_endian(Bytes bytes, size_t at, size_t size) {
  uint32_t value = 0;
  for (size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<uint32_t>(bytes[at + i]);
  return value;
}

Audio decode_speech(Bytes file, const std::string& id) {
  if (file.size() < kSpeechHeader) throw InputError(id + ": lies beyond the end of sky.dsk");
  const auto samples = unpack_rnc(file.subspan(kSpeechHeader), id);
  return decode_raw(samples, RawCoding::kUnsigned8, kSampleRate, id);
}

// The file of an entry; empty when it lies beyond the end.
Bytes file_of(Bytes entry, Bytes disk) {
  constexpr uint32_t kInUnits = 1U << 23;
  const uint32_t stored = little_endian(entry, 2, 3);
  const size_t offset = (stored & kInUnits) != 0 ? size_t{stored & ~kInUnits} * 16 : stored;
  const size_t size = little_endian(entry, 5, 3) & 0x3FFFFF;
  const bool inside = offset <= disk.size() && size <= disk.size() - offset;
  return inside ? disk.subspan(offset, size) : Bytes{};
}

}  // namespace

PackageClips read_steel_sky(const fs::path& unpacked, const std::string& package) {
  const fs::path folder = unpacked / kFolder;
  if (!fs::exists(folder / "sky.dnr") || !fs::exists(folder / "sky.dsk"))
    throw InputError(fmt::format("{}: no {}/sky.dnr and sky.dsk in the package", package, kFolder));
  const MappedFile index_file(folder / "sky.dnr");
  const Bytes index = index_file.bytes();
  const size_t count = index.size() < kCountBytes ? 0 : little_endian(index, 0, kCountBytes);
  if (count == 0 || count > (index.size() - kCountBytes) / kEntryBytes)
    throw InputError(fmt::format("{}: sky.dnr: not the game's index, or truncated", package));
  const auto disk = std::make_shared<const MappedFile>(folder / "sky.dsk");

  PackageClips result;
  for (size_t i = 0; i < count; ++i) {
    const Bytes entry = index.subspan(kCountBytes + i * kEntryBytes, kEntryBytes);
    const uint32_t number = little_endian(entry, 0, 2);
    if (number < kFirstSpeech || number >= kEndOfSpeech) continue;
    RawClip raw;
    Clip& clip = raw.clip;
    clip.id = fmt::format("{}/{}", package, number);
    clip.path = fmt::format("audio/{}.wav", clip.id);
    clip.language = "en";
    clip.source = package;
    clip.group = clip.id;
    raw.min_samples = kHalfSecond;
    // The disk stays mapped as long as one of its clips may be decoded.
    raw.decode = [disk, file = file_of(entry, disk->bytes()), id = clip.id] {
      return decode_speech(file, id);
    };
    result.clips.push_back(std::move(raw));
  }
  return result;
}

}  // namespace concertina
