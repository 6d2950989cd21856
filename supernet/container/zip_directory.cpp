#include "supernet/container/zip_directory.h"

#include <fmt/format.h>

#include <algorithm>

namespace concertina {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr uint64_t kEndBytes = 22, kLocatorBytes = 20, kLocalBytes = 30, kMaxCommentBytes = 0xffff;
constexpr uint32_t kIn64 = 0xffffffff;  // the value is in a ZIP64 field

// A reader of the file from byte `at` on.
ByteReader reader_at(ByteSpan bytes, uint64_t at, const std::string& name) {
  if (at > bytes.size()) throw_damaged(name, bytes.size(), fmt::format("byte {} is needed", at));
  return {bytes.subspan(at), name, at};
}

void expect_signature(ByteReader& in, uint32_t signature, const char* what) {
  const uint64_t at = in.at();
  if (in.read<uint32_t>() != signature)
    throw_damaged(in.name(), at, fmt::format("no zip {}", what));
}

uint64_t find_end(ByteSpan bytes, const std::string& name) {
  const uint64_t size = bytes.size();
  const uint64_t farthest = std::min(size, kEndBytes + kMaxCommentBytes);
  for (uint64_t back = kEndBytes; back <= farthest; ++back) {
    if (reader_at(bytes, size - back, name).read<uint32_t>() == kEnd) return size - back;
  }
  throw_damaged(name, size, "no zip directory is at its end; the file may be truncated");
}

struct Directory {
  uint64_t count = 0, offset = 0;
};

Directory directory64(ByteSpan bytes, uint64_t end, const std::string& name) {
  if (end < kLocatorBytes) throw_damaged(name, end, "no ZIP64 locator");
  ByteReader locator = reader_at(bytes, end - kLocatorBytes, name);
  expect_signature(locator, kLocator64, "locator");
  locator.skip(4);
  ByteReader in = reader_at(bytes, locator.read<uint64_t>(), name);
  expect_signature(in, kEnd64, "ZIP64 directory");
  in.skip(28);  // record size, versions, disks, entries on this disk
  Directory directory{.count = in.read<uint64_t>()};
  in.skip(8);
  directory.offset = in.read<uint64_t>();
  return directory;
}

Directory find_directory(ByteSpan bytes, const std::string& name) {
  const uint64_t end = find_end(bytes, name);
  ByteReader in = reader_at(bytes, end, name);
  in.skip(10);  // signature, disks, entries on this disk
  Directory directory{.count = in.read<uint16_t>()};
  in.skip(4);
  directory.offset = in.read<uint32_t>();
  const bool is64 = directory.count == 0xffff || directory.offset == kIn64;
  return is64 ? directory64(bytes, end, name) : directory;
}

// The ZIP64 extra field holds, in this order, those of size, packed size and offset that did not
// fit.
void read_extra64(ByteReader extra, uint64_t& size, uint64_t& packed, uint64_t& offset) {
  while (extra.left() >= 4) {
    const auto id = extra.read<uint16_t>();
    const auto length = extra.read<uint16_t>();
    if (id != 1) {
      extra.skip(length);
      continue;
    }
    for (uint64_t* value : {&size, &packed, &offset}) {
      if (*value == kIn64) *value = extra.read<uint64_t>();
    }
    return;
  }
}

// Names of varying length precede the data: its offset follows from the local header.
uint64_t data_offset(ByteSpan bytes, uint64_t header, const std::string& name) {
  ByteReader in = reader_at(bytes, header, name);
  expect_signature(in, kLocal, "entry");
  in.skip(22);
  const auto name_length = in.read<uint16_t>();
  const auto extra_length = in.read<uint16_t>();
  return header + kLocalBytes + name_length + extra_length;
}

ZipEntry read_entry(ByteReader& in, ByteSpan bytes) {
  const uint64_t at = in.at();
  expect_signature(in, kCentral, "directory entry");
  in.skip(4);
  const auto flags = in.read<uint16_t>();
  const auto method = in.read<uint16_t>();
  in.skip(8);  // time, date, CRC-32
  uint64_t packed = in.read<uint32_t>(), size = in.read<uint32_t>();
  const auto name_length = in.read<uint16_t>();
  const auto extra_length = in.read<uint16_t>();
  const auto comment_length = in.read<uint16_t>();
  in.skip(8);  // disk, attributes
  uint64_t header = in.read<uint32_t>();
  ZipEntry entry{.name = in.take(name_length)};
  const uint64_t extra_at = in.at();
  const std::string_view extra = in.take(extra_length);
  in.skip(comment_length);
  read_extra64({std::as_bytes(std::span(extra)), in.name(), extra_at}, size, packed, header);
  if ((flags & 1) != 0) throw_damaged(in.name(), at, "an entry is encrypted");
  if (method != 0 || size != packed) {
    throw_damaged(in.name(), at, "an entry is compressed; torch.save stores entries as they are");
  }
  entry.size = size;
  entry.offset = data_offset(bytes, header, in.name());
  if (entry.offset > bytes.size() || size > bytes.size() - entry.offset) {
    throw_damaged(
        in.name(), at,
        fmt::format("an entry of {} bytes lies outside the file; the file may be truncated", size));
  }
  return entry;
}

}  // namespace

bool is_zip(ByteSpan bytes) {
  uint32_t signature = 0;
  if (bytes.size() < sizeof(signature)) return false;
  std::memcpy(&signature, bytes.data(), sizeof(signature));
  return signature == kLocal;
}

std::vector<ZipEntry> zip_entries(ByteSpan bytes, const std::string& name) {
  const Directory directory = find_directory(bytes, name);
  ByteReader in = reader_at(bytes, directory.offset, name);
  std::vector<ZipEntry> entries;
  for (uint64_t i = 0; i < directory.count; ++i) entries.push_back(read_entry(in, bytes));
  return entries;
}

}  // namespace concertina
