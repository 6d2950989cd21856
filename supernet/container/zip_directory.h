// The entries of a zip archive whose files are stored, not compressed: torch.save's container.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "supernet/container/byte_reader.h"

namespace concertina {

struct ZipEntry {
  std::string_view name;  // in the archive's memory
  uint64_t offset = 0;    // of the data, from the start of the file
  uint64_t size = 0;      // bytes
};

bool is_zip(ByteSpan bytes);
// `bytes` is the whole file called `name`. ZIP64 is read. InputError: damaged (naming the byte),
// compressed or encrypted entries.
std::vector<ZipEntry> zip_entries(ByteSpan bytes, const std::string& name);

}  // namespace concertina
