// Results on SUPERB that a user brings, as TSV or JSON (docs/formats.md).
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "eval/superb.h"

namespace concertina {

// Model and results, in the order of the file:
//   model  PR  ASR ...          {"NAME": {"PR": 5.41, ...}, ...}
//   NAME   5.41  6.42 ...
// "-" or nothing in TSV: not measured. InputError, with the place and the nearest name, for what is
// no such file; SystemError when it cannot be read.
std::vector<std::pair<std::string, SuperbResults>> read_superb_results(
    const std::filesystem::path& file);

}  // namespace concertina
