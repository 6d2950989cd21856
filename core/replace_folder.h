// A folder of files that belong together, replaced in one step.
#pragma once

#include <filesystem>
#include <functional>

namespace concertina {

// `fill` writes the new content into an empty folder next to it, which then replaces `folder` in
// one rename: readers, and a process that is killed, leave or find either all of the old or all of
// the new content (where the file system cannot exchange folders: possibly none). SystemError
// leaves the old one. remove_leftovers() of the parent removes what a killed process left.
void replace_folder(const std::filesystem::path& folder,
                    const std::function<void(const std::filesystem::path&)>& fill);

}  // namespace concertina
