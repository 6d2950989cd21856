// Hashes of bytes and files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace concertina {

std::string sha256(std::string_view bytes);                  // lower-case hexadecimal
std::string sha256_file(const std::filesystem::path& path);  // SystemError: no regular file
uint64_t hash64(std::string_view bytes);                     // FNV-1a, the same on every machine

}  // namespace concertina
