#include "core/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <streambuf>
#include <system_error>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "core/lost_mapping.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr size_t kChunk = size_t{1} << 16;
constexpr const char* kTemporary = ".tmp";
constexpr size_t kMostOfStream = size_t{64} << 20;  // bytes read of a device or pipe
constexpr auto kYoung = std::chrono::seconds(10);

[[noreturn]] void fail(std::string_view verb, const fs::path& path, int error) {
  throw SystemError(
      fmt::format("cannot {} {}: {}", verb, path.string(), std::generic_category().message(error)));
}

class File {
 public:
  File(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(); }
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  bool close() { return fd_ < 0 || ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

// Reads up to the buffer's size; 0 at the end.
size_t read_some(const File& file, std::span<char> buffer, const fs::path& path) {
  for (;;) {
    const ssize_t count = ::read(file.fd(), buffer.data(), buffer.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) fail("read", path, errno);
  }
}

// The whole file, of which `before` was said when it was opened.
void read_unchanging(const File& file, std::span<char> buffer, const struct stat& before,
                     const fs::path& path) {
  size_t done = 0;
  while (done < buffer.size()) {
    const size_t count = read_some(file, buffer.subspan(done), path);
    if (count == 0) break;
    done += count;
  }
  struct stat after = {};
  const bool same = ::fstat(file.fd(), &after) == 0 && after.st_size == before.st_size &&
                    after.st_mtim.tv_sec == before.st_mtim.tv_sec &&
                    after.st_mtim.tv_nsec == before.st_mtim.tv_nsec;
  if (done < buffer.size() || !same) {
    throw SystemError(fmt::format("{} changed while it was read: try again", path.string()));
  }
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

// An output buffer on a descriptor that remembers errno, which std::ofstream does not promise.
class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int fd) : fd_(fd), buffer_(kChunk) { reset(); }
  int error() const { return error_; }

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
    if (error_ == 0 && !write_all(fd_, bytes)) error_ = errno;
    return error_ == 0;
  }
  int fd_;
  int error_ = 0;
  std::vector<char> buffer_;
};

void write_stream(int fd, const fs::path& path, const std::function<void(std::ostream&)>& writer) {
  DescriptorBuffer buffer(fd);
  std::ostream stream(&buffer);
  writer(stream);
  stream.flush();
  if (!stream) fail("write", path, buffer.error() != 0 ? buffer.error() : EIO);
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

// A file that goes away again unless it is renamed to its real name.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& target)
      : target_(target), name_(temporary_name(target)), file_(name_, O_WRONLY | O_CREAT | O_EXCL) {
    if (!file_.is_open()) fail("write", target, errno);
    ::flock(file_.fd(), LOCK_EX | LOCK_NB);  // held while this process lives: remove_abandoned
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!committed_) ::unlink(name_.c_str());
  }
  int fd() const { return file_.fd(); }
  void commit() {
    if (::fsync(file_.fd()) != 0 || !file_.close()) fail("write", target_, errno);
    if (::rename(name_.c_str(), target_.c_str()) != 0) fail("write", target_, errno);
    committed_ = true;
    const File folder(folder_of(target_), O_RDONLY | O_DIRECTORY);
    const bool synced = folder.is_open() && ::fsync(folder.fd()) == 0;
    if (!synced && errno != EINVAL && errno != EACCES) fail("sync the folder of", target_, errno);
  }

 private:
  fs::path target_;
  fs::path name_;
  File file_;
  bool committed_ = false;
};

fs::path followed(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path;
  const fs::path target = fs::canonical(path, error);
  return error ? path : target;
}

// Its writer has died: nobody holds its lock. A writer takes it right after making the file.
bool is_abandoned(const fs::path& path) {
  std::error_code error;
  const auto written = fs::last_write_time(path, error);
  if (error || fs::file_time_type::clock::now() - written < kYoung) return false;
  const File file(path, O_RDONLY);
  return file.is_open() && ::flock(file.fd(), LOCK_EX | LOCK_NB) == 0;
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

bool is_device(const fs::path& path) {
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  return type == fs::file_type::character || type == fs::file_type::fifo ||
         type == fs::file_type::block || type == fs::file_type::socket;
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    CONCERTINA_ASSERT(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void add(std::string_view bytes) {
    CONCERTINA_ASSERT(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  std::string hex() {
    std::array<unsigned char, 32> digest{};
    CONCERTINA_ASSERT(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    std::string text;
    for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

void read_chunks(const fs::path& path, const std::function<void(std::string_view)>& take) {
  const File file(path, O_RDONLY);
  if (!file.is_open()) fail("read", path, errno);
  std::vector<char> buffer(kChunk);
  while (const size_t count = read_some(file, buffer, path)) take({buffer.data(), count});
}

}  // namespace

std::string read_text(const fs::path& path) {
  const bool endless = is_device(path);
  std::string text;
  read_chunks(path, [&](std::string_view chunk) {
    text += chunk;
    if (endless && text.size() > kMostOfStream)
      throw InputError(
          fmt::format("{} gives more than {} MiB", path.string(), kMostOfStream >> 20));
  });
  return text;
}

void write_atomically(const fs::path& path, std::string_view bytes) {
  write_atomically(path, [&](std::ostream& out) {
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  });
}

void write_atomically(const fs::path& path, const std::function<void(std::ostream&)>& writer) {
  if (is_device(path)) {
    const File device(path, O_WRONLY);
    if (!device.is_open()) fail("write", path, errno);
    return write_stream(device.fd(), path, writer);
  }
  TemporaryFile file(followed(path));
  write_stream(file.fd(), path, writer);
  file.commit();
}

void append_bytes(const fs::path& path, std::string_view bytes) {
  File file(path, O_WRONLY | O_CREAT | O_APPEND);
  if (!file.is_open()) fail("append to", path, errno);
  if (!write_all(file.fd(), bytes) || !file.close()) fail("append to", path, errno);
}

void append_line(const fs::path& path, std::string_view line) {
  append_bytes(path, std::string(line) + "\n");
}

void make_directories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (fs::is_directory(path)) return;
  for (fs::path part = path; !part.empty() && part != part.parent_path();
       part = part.parent_path()) {
    std::error_code ignored;
    const fs::file_status status = fs::status(part, ignored);
    if (fs::exists(status) && !fs::is_directory(status)) {
      throw SystemError(fmt::format("cannot make the folder {}: {} is there and is no folder",
                                    path.string(), part.string()));
    }
  }
  fail("make the folder", path, error.value());
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

FolderLock::FolderLock(const fs::path& folder)
    : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ < 0) fail("open", folder, errno);
  // File systems without locks leave the folder to its users' care.
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(fd_);
  throw SystemError(fmt::format("another process is writing in {}", folder.string()));
}

FolderLock::~FolderLock() { ::close(fd_); }

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hex();
}

std::string sha256_file(const fs::path& path) {
  if (is_device(path))
    throw SystemError(fmt::format("cannot hash {}: it is no regular file", path.string()));
  Sha256 hash;
  read_chunks(path, [&](std::string_view chunk) { hash.add(chunk); });
  return hash.hex();
}

uint64_t hash64(std::string_view bytes) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
  return hash;
}

MappedFile::MappedFile(const fs::path& path, Reading reading) {
  const File file(path, O_RDONLY);
  struct stat info = {};
  if (!file.is_open() || ::fstat(file.fd(), &info) != 0) fail("read", path, errno);
  if (S_ISDIR(info.st_mode)) fail("read", path, EISDIR);
  if (!S_ISREG(info.st_mode)) {
    throw SystemError(fmt::format("cannot map {}: it is no regular file", path.string()));
  }
  if (info.st_size == 0) return;
  const bool copied = reading == Reading::kCopied;
  const auto size = static_cast<size_t>(info.st_size);
  const int access = copied ? PROT_READ | PROT_WRITE : PROT_READ;
  const int flags = copied ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE;
  void* data = ::mmap(nullptr, size, access, flags, copied ? -1 : file.fd(), 0);
  if (data == MAP_FAILED) fail("map", path, errno);
  data_ = static_cast<const std::byte*>(data);
  size_ = size;
  if (!copied) {
    note_mapping(data, size, path);
    return;
  }
  try {
    read_unchanging(file, {static_cast<char*>(data), size}, info, path);
  } catch (...) {
    ::munmap(data, size);
    throw;
  }
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
  forget_mapping(data_);
  ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace concertina
