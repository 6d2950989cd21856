// LD_PRELOAD: makes the system refuse, as a full or broken disk does. Of the calls that write under
// FAIL_UNDER (write, pwrite, fsync, fdatasync, rename, posix_fallocate), call FAIL_AT (from 1) fails
// with FAIL_ERRNO, and the FAIL_TIMES - 1 after it. FAIL_COUNT names a file that gets their number
// when the process ends. Reads of *.wav count instead with FAIL_READS=1.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

const char* text(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}
long number(const char* name, long otherwise) {
  return *text(name) == '\0' ? otherwise : std::strtol(text(name), nullptr, 10);
}

struct Shim {
  const char* under = text("FAIL_UNDER");
  long at = number("FAIL_AT", 0), times = number("FAIL_TIMES", 1);
  int error = static_cast<int>(number("FAIL_ERRNO", EIO));
  bool reads = number("FAIL_READS", 0) != 0;
  std::atomic<long> calls{0};

  // Whether this call is to fail.
  bool refuse(const char* path) {
    if (*under == '\0' || std::strncmp(path, under, std::strlen(under)) != 0) return false;
    const long call = ++calls;
    if (at == 0 || call < at || call >= at + times) return false;
    errno = error;
    return true;
  }
  bool refuse(int fd) {
    char link[64], path[4096];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = ::readlink(link, path, sizeof path - 1);
    if (length <= 0) return false;
    path[length] = '\0';
    return refuse(path);
  }
  bool refuse_write(int fd) { return !reads && refuse(fd); }
  bool refuse_read(int fd) {
    if (!reads) return false;
    return refuse(fd);
  }
  ~Shim() {
    if (*text("FAIL_COUNT") == '\0') return;
    const long all = calls;
    if (std::FILE* file = std::fopen(text("FAIL_COUNT"), "w")) {
      std::fprintf(file, "%ld\n", all);
      std::fclose(file);
    }
  }
};

Shim& shim() {
  static Shim instance;
  return instance;
}
const Shim& begun = shim();  // counted from the start, written at the end

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t bytes) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  return fd > 2 && shim().refuse_write(fd) ? -1 : real(fd, data, bytes);
}
ssize_t pwrite(int fd, const void* data, size_t bytes, off_t at) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return shim().refuse_write(fd) ? -1 : real(fd, data, bytes, at);
}
ssize_t pwrite64(int fd, const void* data, size_t bytes, off64_t at) {
  return pwrite(fd, data, bytes, at);
}
ssize_t pread(int fd, void* data, size_t bytes, off_t at) {
  static const auto real = next<ssize_t (*)(int, void*, size_t, off_t)>("pread");
  return shim().refuse_read(fd) ? -1 : real(fd, data, bytes, at);
}
ssize_t pread64(int fd, void* data, size_t bytes, off64_t at) { return pread(fd, data, bytes, at); }
int fsync(int fd) {
  static const auto real = next<int (*)(int)>("fsync");
  return shim().refuse_write(fd) ? -1 : real(fd);
}
int fdatasync(int fd) {
  static const auto real = next<int (*)(int)>("fdatasync");
  return shim().refuse_write(fd) ? -1 : real(fd);
}
int rename(const char* from, const char* to) {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  return !shim().reads && shim().refuse(to) ? -1 : real(from, to);
}
int posix_fallocate(int fd, off_t at, off_t bytes) {
  static const auto real = next<int (*)(int, off_t, off_t)>("posix_fallocate");
  return shim().refuse_write(fd) ? shim().error : real(fd, at, bytes);
}
int posix_fallocate64(int fd, off64_t at, off64_t bytes) { return posix_fallocate(fd, at, bytes); }

}  // extern "C"
