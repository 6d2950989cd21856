#include "core/file_handle.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "core/errors.h"

namespace concertina {
namespace fs = std::filesystem;

FileHandle::FileHandle(Unchecked, const fs::path& path, int flags, std::string_view purpose,
                       fs::path shown)
    : purpose_(purpose),
      shown_(std::move(shown)),
      descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}

FileHandle::FileHandle(const fs::path& path, int flags, std::string_view purpose, fs::path shown)
    : FileHandle(Unchecked{}, path, flags, purpose, std::move(shown)) {
  if (!is_open()) fail();
}

FileHandle::FileHandle(const fs::path& path, int flags, std::string_view purpose)
    : FileHandle(path, flags, purpose, path) {}

FileHandle FileHandle::try_open(const fs::path& path, int flags) {
  return {Unchecked{}, path, flags, "open", path};
}

FileHandle::~FileHandle() {
  if (is_open()) ::close(descriptor_);
}

void FileHandle::fail() const { throw_file_error(purpose_, shown_, errno); }

struct stat FileHandle::status() const {
  struct stat status = {};
  if (::fstat(descriptor_, &status) != 0) fail();
  return status;
}

size_t FileHandle::read_some(std::span<char> buffer) {
  for (;;) {
    const ssize_t count = ::read(descriptor_, buffer.data(), buffer.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) fail();
  }
}

size_t FileHandle::read_at(int64_t offset, std::span<char> buffer) const {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count = ::pread(descriptor_, buffer.data() + done, buffer.size() - done,
                                  offset + static_cast<int64_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail();
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

void FileHandle::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) fail();
    if (count > 0) bytes.remove_prefix(static_cast<size_t>(count));
  }
}

void FileHandle::sync() {
  if (::fsync(descriptor_) != 0) fail();
}

void FileHandle::close() {
  if (::close(std::exchange(descriptor_, -1)) != 0) fail();
}

bool is_device(const fs::path& path) {
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  return type == fs::file_type::character || type == fs::file_type::fifo ||
         type == fs::file_type::block || type == fs::file_type::socket;
}

void read_chunks(const fs::path& path, const std::function<void(std::string_view)>& receive) {
  FileHandle file(path, O_RDONLY, "read");
  std::vector<char> buffer(size_t{1} << 16);
  while (const size_t count = file.read_some(buffer)) receive({buffer.data(), count});
}

void throw_file_error(std::string_view purpose, const fs::path& path, int error) {
  throw SystemError(fmt::format("cannot {} {}: {}", purpose, path.string(),
                                std::generic_category().message(error)));
}

}  // namespace concertina
