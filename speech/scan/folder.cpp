#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "core/errors.h"
#include "speech/scan/found_clips.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

bool is_tar_name(const fs::path& path) { return path.extension() == ".tar"; }

std::vector<fs::path> files_below(const fs::path& folder, const fs::path& left_out) {
  std::vector<fs::path> files;
  std::set<fs::path> visited = {folder, left_out};
  std::error_code error;
  fs::recursive_directory_iterator it(folder,
                                      fs::directory_options::follow_directory_symlink |
                                          fs::directory_options::skip_permission_denied,
                                      error);
  if (error)
    throw SystemError(fmt::format("{}: cannot be read: {}", folder.string(), error.message()));
  for (const auto end = fs::recursive_directory_iterator(); it != end; it.increment(error)) {
    if (error)
      throw SystemError(fmt::format("{}: cannot be read: {}", folder.string(), error.message()));
    if (it->is_directory(error)) {
      // Links are followed, but nothing is visited twice.
      if (!visited.insert(fs::weakly_canonical(it->path(), error)).second)
        it.disable_recursion_pending();
    } else if (is_audio_name(it->path()) || is_tar_name(it->path())) {
      files.push_back(it->path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

FoundClip clip_of_file(const fs::path& file, const fs::path& folder, Transcripts& transcripts) {
  const fs::path inside = file.lexically_relative(folder);
  FoundClip found = clip_by_name(
      {folder, "", inside.parent_path() / inside.stem(), inside.extension().string()}, transcripts);
  found.file = file;
  found.raw.origin = file.string();
  found.raw.decode = [file] { return read_file(file); };
  return found;
}

void append(FoundClips& all, FoundClips&& more) {
  std::move(more.clips.begin(), more.clips.end(), std::back_inserter(all.clips));
  std::move(more.skipped.begin(), more.skipped.end(), std::back_inserter(all.skipped));
}

}  // namespace

FoundClips find_in_folder(const fs::path& folder, const fs::path& left_out) {
  FoundClips found;
  Transcripts transcripts;
  for (const fs::path& file : files_below(folder, left_out)) {
    if (is_tar_name(file)) {
      const fs::path shard = file.lexically_relative(folder);
      append(found, find_in_tar(folder, shard.parent_path() / shard.stem()));
    } else {
      found.clips.push_back(clip_of_file(file, folder, transcripts));
    }
  }
  return found;
}

}  // namespace concertina
