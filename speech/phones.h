// Labels of phones, as read_phones() gives them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "speech/manifest.h"

namespace concertina {

// What read_phones() reads, with end times to 0.1 ms. Written in place, not atomically, as
// write_wav() does. SystemError.
void write_phones(const std::filesystem::path& path, const std::vector<PhoneSegment>& segments);

bool is_pause(const std::string& label);  // in the notations of known corpora

}  // namespace concertina
