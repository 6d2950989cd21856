#include "core/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "core/errors.h"
#include "core/file_handle.h"
#include "core/lost_mapping.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

// The whole file, whose status was `before` when it was opened.
void read_unchanging(const FileHandle& file, std::span<char> buffer, const struct stat& before,
                     const fs::path& path) {
  const size_t done = file.read_at(0, buffer);
  const struct stat after = file.status();
  const bool same = after.st_size == before.st_size &&
                    after.st_mtim.tv_sec == before.st_mtim.tv_sec &&
                    after.st_mtim.tv_nsec == before.st_mtim.tv_nsec;
  if (done < buffer.size() || !same)
    throw SystemError(fmt::format("{} changed while it was read: try again", path.string()));
}

void* map_pages(size_t size, int access, int flags, int descriptor, const fs::path& path) {
  void* data = ::mmap(nullptr, size, access, flags, descriptor, 0);
  if (data == MAP_FAILED) throw_file_error("map", path, errno);
  return data;
}

}  // namespace

MappedFile::MappedFile(const fs::path& path, Reading reading) {
  const FileHandle file(path, O_RDONLY, "read");
  const struct stat status = file.status();
  if (S_ISDIR(status.st_mode)) throw_file_error("read", path, EISDIR);
  if (!S_ISREG(status.st_mode))
    throw SystemError(fmt::format("cannot map {}: it is no regular file", path.string()));
  if (status.st_size == 0) return;
  const auto size = static_cast<size_t>(status.st_size);
  if (reading == Reading::kMapped) {
    void* data = map_pages(size, PROT_READ, MAP_PRIVATE, file.descriptor(), path);
    data_ = static_cast<const std::byte*>(data);
    size_ = size;
    register_mapping(data, size, path);
    return;
  }
  void* data = map_pages(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, path);
  try {
    read_unchanging(file, {static_cast<char*>(data), size}, status, path);
  } catch (...) {
    ::munmap(data, size);
    throw;
  }
  data_ = static_cast<const std::byte*>(data);
  size_ = size;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  unregister_mapping(data_);
  ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace concertina
