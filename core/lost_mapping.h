// A mapped file that is truncated or becomes unreadable ends the process with SIGBUS when its bytes
// are used. The handler here prints one sentence and exits with code 3.
#pragma once

#include <cstddef>
#include <filesystem>

namespace concertina {

// Installs the handler. Once, in main, before files are mapped.
void report_lost_mappings();

// Called by MappedFile, so that the sentence names the file. Thread-safe; at most 64 mappings at a
// time have a name.
void register_mapping(const void* begin, size_t bytes, const std::filesystem::path& path);
void unregister_mapping(const void* begin);

}  // namespace concertina
