// An open file, by its descriptor: what the functions of core/files.h and speech's WAV files are
// made of. Not thread-safe, except for read_at().
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>

namespace concertina {

class FileHandle {
 public:
  // `flags` of open(2), to which O_CLOEXEC is added; files are created with mode 0666 and the
  // process's mask. SystemError "cannot PURPOSE PATH: REASON", from the functions below too;
  // `shown` is the path in the message where it differs. `purpose` must outlive the object.
  FileHandle(const std::filesystem::path& path, int flags, std::string_view purpose);
  FileHandle(const std::filesystem::path& path, int flags, std::string_view purpose,
             std::filesystem::path shown);
  static FileHandle try_open(const std::filesystem::path& path, int flags);  // see is_open()
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;
  ~FileHandle();

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  struct stat status() const;
  size_t read_some(std::span<char> buffer);  // bytes read; 0 only at the end
  // Bytes read from `offset` on, fewer than the buffer's only at the end of the file.
  size_t read_at(int64_t offset, std::span<char> buffer) const;
  void write_all(std::string_view bytes);
  void sync();   // to the disk
  void close();  // reports errors of earlier writes, which the destructor ignores

 private:
  struct Unchecked {};
  FileHandle(Unchecked, const std::filesystem::path& path, int flags, std::string_view purpose,
             std::filesystem::path shown);
  [[noreturn]] void fail() const;  // by errno

  std::string_view purpose_;
  std::filesystem::path shown_;
  int descriptor_;
};

// A device, pipe or socket: no end that is known beforehand.
bool is_device(const std::filesystem::path& path);
// The whole file, piece by piece.
void read_chunks(const std::filesystem::path& path,
                 const std::function<void(std::string_view chunk)>& receive);
// Throws SystemError "cannot PURPOSE PATH: REASON" for a value of errno.
[[noreturn]] void throw_file_error(std::string_view purpose, const std::filesystem::path& path,
                                   int error);

}  // namespace concertina
