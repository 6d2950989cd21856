// All bytes of a file in memory, read-only.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace concertina {

// A mapping costs nothing until it is used, but its bytes change when the file does; a copy is the
// file as it was.
enum class Reading { kMapped, kCopied };

// Movable; the span lives as long as the object.
class MappedFile {
 public:
  // SystemError; of a copy too when the file changes while it is read.
  explicit MappedFile(const std::filesystem::path& path, Reading reading = Reading::kMapped);
  MappedFile(MappedFile&&) noexcept;
  MappedFile& operator=(MappedFile&&) noexcept;
  ~MappedFile();
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace concertina
