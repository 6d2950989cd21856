// A file that is mapped into memory and becomes shorter meanwhile, or cannot be read any more, ends
// the process with SIGBUS where its bytes are used. This makes it one sentence and exit code 3.
#pragma once

#include <cstddef>
#include <filesystem>

namespace concertina {

// Call once, in main, before files are mapped.
void explain_lost_mappings();

// What MappedFile tells: so that the sentence names the file. Thread-safe; of more than 64 mappings
// at a time some stay without a name.
void note_mapping(const void* begin, size_t bytes, const std::filesystem::path& path);
void forget_mapping(const void* begin);

}  // namespace concertina
