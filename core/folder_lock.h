// At most one process writes into a folder.
#pragma once

#include <filesystem>

#include "core/file_handle.h"

namespace concertina {

// A lock on the folder itself (flock), which ends with the object or the process and leaves no
// file. File systems without locks give none.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);  // SystemError when another holds it

 private:
  FileHandle folder_;
};

}  // namespace concertina
