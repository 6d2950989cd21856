#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <streambuf>
#include <system_error>
#include <vector>

#include "core/errors.h"
#include "core/file_handle.h"
#include "core/files.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTemporary = ".tmp";
// A younger temporary file may not have its writer's lock yet.
constexpr auto kYoung = std::chrono::seconds(10);

// The buffer of an output stream that keeps the error of a failed write, which std::ofstream does
// not promise.
class FileBuffer : public std::streambuf {
 public:
  explicit FileBuffer(FileHandle& file) : file_(file), buffer_(size_t{1} << 16) { reset(); }
  void rethrow_error() const {
    if (error_) std::rethrow_exception(error_);
  }

 protected:
  int_type overflow(int_type c) override {
    if (!flush()) return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    if (size <= epptr() - pptr()) {
      std::memcpy(pptr(), text, static_cast<size_t>(size));
      pbump(static_cast<int>(size));
      return size;
    }
    return flush() && put({text, static_cast<size_t>(size)}) ? size : 0;
  }
  int sync() override { return flush() ? 0 : -1; }

 private:
  void reset() { setp(buffer_.data(), buffer_.data() + buffer_.size()); }
  bool flush() {
    const bool written = put({pbase(), static_cast<size_t>(pptr() - pbase())});
    reset();
    return written;
  }
  bool put(std::string_view bytes) {
    if (error_) return false;
    try {
      file_.write_all(bytes);
    } catch (const SystemError&) {
      error_ = std::current_exception();
    }
    return !error_;
  }
  FileHandle& file_;
  std::exception_ptr error_;
  std::vector<char> buffer_;
};

void write_stream(FileHandle& file, const fs::path& path,
                  const std::function<void(std::ostream&)>& writer) {
  FileBuffer buffer(file);
  std::ostream stream(&buffer);
  writer(stream);
  stream.flush();
  buffer.rethrow_error();
  if (!stream) throw_file_error("write", path, EIO);
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

fs::path temporary_name(const fs::path& path) {
  static std::atomic<uint32_t> next = 0;
  // The time keeps apart processes of one number: containers, or a dead one that left its file.
  const int64_t time = std::chrono::system_clock::now().time_since_epoch().count();
  return folder_of(path) / fmt::format(".{}.{}-{:x}-{}{}", path.filename().string(), getpid(), time,
                                       next++, kTemporary);
}

// A file that is removed unless it is renamed to its real name.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& target)
      : target_(target),
        name_(temporary_name(target)),
        file_(name_, O_WRONLY | O_CREAT | O_EXCL, "write", target) {
    ::flock(file_.descriptor(), LOCK_EX | LOCK_NB);  // while this process lives: is_abandoned
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!committed_) ::unlink(name_.c_str());
  }
  FileHandle& file() { return file_; }
  void commit() {
    file_.sync();
    file_.close();
    if (::rename(name_.c_str(), target_.c_str()) != 0) throw_file_error("write", target_, errno);
    committed_ = true;
    sync_folder();
  }

 private:
  void sync_folder() const {
    const auto folder = FileHandle::try_open(folder_of(target_), O_RDONLY | O_DIRECTORY);
    const bool synced = folder.is_open() && ::fsync(folder.descriptor()) == 0;
    if (!synced && errno != EINVAL && errno != EACCES)
      throw_file_error("sync the folder of", target_, errno);
  }
  fs::path target_;
  fs::path name_;
  FileHandle file_;
  bool committed_ = false;
};

fs::path followed(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path;
  const fs::path target = fs::canonical(path, error);
  return error ? path : target;
}

// Its writer has ended: the lock that a writer takes right after creating the file is free.
bool is_abandoned(const fs::path& path) {
  std::error_code error;
  const auto written = fs::last_write_time(path, error);
  if (error || fs::file_time_type::clock::now() - written < kYoung) return false;
  const auto file = FileHandle::try_open(path, O_RDONLY);
  return file.is_open() && ::flock(file.descriptor(), LOCK_EX | LOCK_NB) == 0;
}

std::vector<fs::path> temporaries_in(const fs::path& folder, std::string_view prefix) {
  std::error_code error;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(kTemporary)) found.push_back(entry.path());
  }
  return found;
}

}  // namespace

void write_atomically(const fs::path& path, std::string_view bytes) {
  write_atomically(path, [&](std::ostream& out) {
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  });
}

void write_atomically(const fs::path& path, const std::function<void(std::ostream&)>& writer) {
  if (is_device(path)) {
    FileHandle device(path, O_WRONLY, "write");
    return write_stream(device, path, writer);
  }
  TemporaryFile temporary(followed(path));
  write_stream(temporary.file(), path, writer);
  temporary.commit();
}

void remove_leftovers(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::path& path : temporaries_in(folder, ".")) fs::remove_all(path, ignored);
}

void remove_abandoned(const fs::path& path) {
  std::error_code ignored;
  const bool folder = fs::is_directory(path, ignored);
  const fs::path target = followed(path);
  const auto found =
      folder ? temporaries_in(path, ".")
             : temporaries_in(folder_of(target), fmt::format(".{}.", target.filename().string()));
  for (const fs::path& temporary : found) {
    if (is_abandoned(temporary)) fs::remove_all(temporary, ignored);
  }
}

}  // namespace concertina
