// A folder for files that are needed only for a while.
#pragma once

#include <filesystem>
#include <system_error>
#include <utility>

#include "core/files.h"

namespace concertina {

// Empties `path` or makes it, SystemError where it cannot, and removes it at the end of its life.
class ScratchFolder {
 public:
  explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::remove_all(path_);
    make_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace concertina
