// The target cache files (distill/data/target_cache.h) of a run and the stages that read them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace concertina {

struct CacheFile {
  std::filesystem::path path;
  int64_t bytes = 0;
  bool complete = false;             // false: still being computed, or interrupted
  std::vector<std::string> used_by;  // stage folders of the run that read it last
};

// Of RUN/targets and the stages' own targets folders, by name.
std::vector<CacheFile> cache_files(const std::filesystem::path& run);
// Files that no stage of the run reads; stage folders that were renamed to FOLDER.old do not count.
std::vector<CacheFile> unused_cache_files(const std::filesystem::path& run);
void remove_cache_file(const CacheFile& file);  // SystemError
// Records in a stage's folder which file it reads.
void note_cache_file(const std::filesystem::path& stage, const std::filesystem::path& file);

}  // namespace concertina
