#include "core/files.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <system_error>

#include "core/errors.h"
#include "core/file_handle.h"

namespace concertina {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  constexpr size_t kMostOfDevice = size_t{64} << 20;  // bytes
  const bool device = is_device(path);
  std::string text;
  read_chunks(path, [&](std::string_view chunk) {
    text += chunk;
    if (device && text.size() > kMostOfDevice)
      throw InputError(
          fmt::format("{} gives more than {} MiB", path.string(), kMostOfDevice >> 20));
  });
  return text;
}

void append_bytes(const fs::path& path, std::string_view bytes) {
  FileHandle file(path, O_WRONLY | O_CREAT | O_APPEND, "append to");
  file.write_all(bytes);
  file.close();
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
  throw_file_error("make the folder", path, error.value());
}

}  // namespace concertina
