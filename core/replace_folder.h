// A folder of files that belong together, replaced in one step.
#pragma once

#include <filesystem>
#include <functional>

namespace concertina {

// `fill` writes the new content into an empty folder beside it, which then takes the place of
// `folder` in one rename: readers, and a run that is killed, find all of the old or all of the new.
// (Where the file system cannot exchange folders: the old, none, or the new.) SystemError leaves
// the old. remove_leftovers() of the parent clears what a killed process leaves.
void replace_folder(const std::filesystem::path& folder,
                    const std::function<void(const std::filesystem::path&)>& fill);

}  // namespace concertina
