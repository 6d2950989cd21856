#include "core/replace_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "core/errors.h"
#include "core/files.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& folder, int error) {
  throw SystemError(
      fmt::format("cannot write {}: {}", folder.string(), std::generic_category().message(error)));
}

void rename_or_fail(const fs::path& from, const fs::path& to, const fs::path& folder) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail(folder, errno);
}

void put_into_place(const fs::path& fresh, const fs::path& folder) {
  if (!fs::exists(folder)) return rename_or_fail(fresh, folder, folder);
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != EINVAL && errno != ENOSYS) fail(folder, errno);
  const fs::path old = fresh.string() + ".old.tmp";
  rename_or_fail(folder, old, folder);
  rename_or_fail(fresh, folder, folder);
  rename_or_fail(old, fresh, folder);
}

}  // namespace

void replace_folder(const fs::path& folder, const std::function<void(const fs::path&)>& fill) {
  const fs::path fresh =
      folder.parent_path() /
      fmt::format(".{}.{}.tmp", folder.filename().string(), static_cast<int64_t>(::getpid()));
  std::error_code ignored;
  fs::remove_all(fresh, ignored);
  try {
    make_directories(fresh);
    fill(fresh);
    put_into_place(fresh, folder);
  } catch (...) {
    fs::remove_all(fresh, ignored);
    throw;
  }
  fs::remove_all(fresh, ignored);
}

}  // namespace concertina
