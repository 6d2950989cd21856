#include "core/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>

#include "core/errors.h"

namespace concertina {

FolderLock::FolderLock(const std::filesystem::path& folder)
    : folder_(folder, O_RDONLY | O_DIRECTORY, "open") {
  if (::flock(folder_.descriptor(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    throw SystemError(fmt::format("another process is writing in {}", folder.string()));
}

}  // namespace concertina
