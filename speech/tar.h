// Where the files of a tar archive lie in its bytes: POSIX ustar and pax, GNU long names and sizes
// (POSIX.1-2001 pax interchange format; GNU tar manual, "Basic Tar Format"). Nothing is unpacked.
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
  std::vector<TarMember> files;  // regular files in their order; links and folders are left out
  std::string problem;           // "byte N: ...", where reading had to end; "" at a proper end
};

TarIndex index_tar(std::span<const std::byte> bytes);  // never throws for what the bytes hold

}  // namespace concertina
