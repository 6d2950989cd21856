// Files the safe way: written aside, synced and renamed; read with clear errors; hashed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

namespace concertina {

// SystemError; InputError when a device or pipe gives more than 64 MiB.
std::string read_text(const std::filesystem::path& path);
// Writes to a temporary name beside `path`, syncs, renames. SystemError (disk full, permission)
// leaves the old file. Follows symbolic links; devices and pipes are written in place. The stream
// of `writer` only goes forward.
void write_atomically(const std::filesystem::path& path, std::string_view bytes);
void write_atomically(const std::filesystem::path& path,
                      const std::function<void(std::ostream&)>& writer);
void append_bytes(const std::filesystem::path& path, std::string_view bytes);
void append_line(const std::filesystem::path& path, std::string_view line);  // for JSONL; flushed
void make_directories(const std::filesystem::path& path);  // SystemError names what is in the way
// Removes what a killed process was writing aside in `folder`. Only for the folder's one writer.
void remove_leftovers(const std::filesystem::path& folder);
// Removes what killed processes were writing aside for `path`, or in it where it is a folder; what
// a living one writes stays. A failure to remove is no error.
void remove_abandoned(const std::filesystem::path& path);

std::string sha256(std::string_view bytes);                  // lower-case hex
std::string sha256_file(const std::filesystem::path& path);  // SystemError: no regular file
uint64_t hash64(std::string_view bytes);                     // FNV-1a, stable across machines

// A folder's one writer: the lock goes with the object or the process, and leaves no file.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);  // SystemError when another holds it
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int fd_;
};

// How a file comes into memory. A mapping costs nothing until it is used, but what its bytes are is
// up to whoever writes the file later; a copy is the file as it was.
enum class Reading { kMapped, kCopied };

// All bytes of a file, read-only. Movable; the span lives as long as the object.
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
