// Files and folders: read with clear errors; written to a temporary file, synced and renamed.
#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

namespace concertina {

// SystemError; InputError when a device or pipe gives more than 64 MiB.
std::string read_text(const std::filesystem::path& path);
// Writes to a temporary name next to `path`, syncs, renames. SystemError (disk full, permission)
// leaves the old file. Follows symbolic links; devices and pipes are written in place. The stream
// of `writer` cannot seek.
void write_atomically(const std::filesystem::path& path, std::string_view bytes);
void write_atomically(const std::filesystem::path& path,
                      const std::function<void(std::ostream&)>& writer);
void append_bytes(const std::filesystem::path& path, std::string_view bytes);
void append_line(const std::filesystem::path& path, std::string_view line);  // for JSONL; flushed
void make_directories(const std::filesystem::path& path);  // SystemError names what is in the way
// Removes the temporary files that a killed process left in `folder`. Only for the folder's one
// writer.
void remove_leftovers(const std::filesystem::path& folder);
// Removes the temporary files that killed processes left for `path`, or in it where it is a folder;
// those of running processes stay. A failure to remove is no error.
void remove_abandoned(const std::filesystem::path& path);

}  // namespace concertina
