// The values of a JSON object by dotted key, to compare two of them key by key.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace concertina {

// "stage1.optimizer.lr" to its value's JSON text. Lists and empty objects are values.
using JsonLeaves = std::map<std::string, std::string>;

JsonLeaves json_leaves(const std::string& json);  // {"config": text} where it is no JSON object
const std::string& leaf(const JsonLeaves& leaves, const std::string& key);  // "nothing" without key
std::set<std::string> keys_of(const std::vector<JsonLeaves>& all);

std::string shortened(const std::string& value);  // for a message
// At most eight parts, and how many are left out.
std::string joined(std::vector<std::string> parts, const char* separator);

}  // namespace concertina
