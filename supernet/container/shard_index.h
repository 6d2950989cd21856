// The index of a sharded checkpoint, as transformers writes it:
// {"metadata": {...}, "weight_map": {"TENSOR": "FILE", ...}}.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace concertina {

// The file of each tensor: a normalised relative path inside the index's folder.
using ShardIndex = std::map<std::string, std::string>;

// `name` is the index, for messages. InputError: not such a JSON object, more than 16 MiB, an empty
// weight_map, or files outside the folder.
ShardIndex parse_shard_index(std::string_view text, const std::string& name);

}  // namespace concertina
