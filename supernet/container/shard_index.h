// The index of a checkpoint in several files, as transformers writes it:
// {"metadata": {...}, "weight_map": {"TENSOR": "FILE", ...}}.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace concertina {

// File of the index's folder (normalised, relative, inside it) of each tensor.
using ShardIndex = std::map<std::string, std::string>;

// `name` is the index, for messages. InputError: no such JSON, more than 16 MiB of it, an empty
// weight_map, or files that are none of the folder's.
ShardIndex parse_shard_index(std::string_view text, const std::string& name);

}  // namespace concertina
