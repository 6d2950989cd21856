// Index of the files in a tar archive: POSIX ustar and pax, GNU long names and sizes (POSIX.1-2001
// pax interchange format; GNU tar manual, "Basic Tar Format"). Nothing is unpacked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace concertina {

struct TarMember {
  std::string path;    // as stored
  int64_t offset = 0;  // bytes; offset + size lies within the archive
  int64_t size = 0;
};

struct TarIndex {
  std::vector<TarMember> files;  // regular files in order, without links and folders
  std::string problem;           // "byte N: ...", where reading stopped; "" at a regular end
};

TarIndex index_tar(std::span<const std::byte> bytes);  // does not throw for invalid bytes

}  // namespace concertina
