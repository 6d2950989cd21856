#include "distill/train/config_changes.h"

#include <fmt/format.h>

#include <algorithm>

#include "distill/train/json_leaves.h"

namespace concertina {
namespace {

constexpr std::string_view kInputs = "inputs.";

double number_of(const JsonLeaves& leaves, const std::string& key) {
  const auto found = leaves.find(key);
  return found == leaves.end() ? 0 : std::strtod(found->second.c_str(), nullptr);
}

// "stage1" of "stage1.steps"; "" for keys that are deeper or not a stage's.
std::string stage_of(const std::string& key, const std::string& name) {
  const size_t dot = key.find('.');
  return dot != std::string::npos && key.substr(dot + 1) == name ? key.substr(0, dot) : "";
}

bool is_allowed(const JsonLeaves& before, const JsonLeaves& now, const std::string& key,
                int64_t done) {
  if (!stage_of(key, "validate_every").empty() || !stage_of(key, "validation_crops").empty()) {
    return true;
  }
  const std::string stage = stage_of(key, "steps");
  if (stage.empty()) return false;
  const double old_steps = number_of(before, key), new_steps = number_of(now, key);
  const double opening = number_of(now, fmt::format("{}.sampler.progressive", stage));
  return new_steps >= static_cast<double>(done) &&
         static_cast<double>(done) >= opening * std::max(old_steps, new_steps);
}

}  // namespace

ConfigChanges config_changes(const std::string& before, const std::string& now, int64_t done) {
  const JsonLeaves old_leaves = json_leaves(before), new_leaves = json_leaves(now);
  ConfigChanges changes;
  for (const std::string& key : keys_of({old_leaves, new_leaves})) {
    const std::string &was = leaf(old_leaves, key), &is = leaf(new_leaves, key);
    if (was == is) continue;
    const bool allowed = is_allowed(old_leaves, new_leaves, key, done);
    (allowed ? changes.allowed : changes.incompatible).push_back({key, was, is});
  }
  return changes;
}

std::string describe(const std::vector<ConfigChange>& changes,
                     const std::map<std::string, std::string>& places) {
  std::vector<std::string> parts;
  for (const ConfigChange& change : changes) {
    const auto place = change.key.starts_with(kInputs)
                           ? places.find(change.key.substr(kInputs.size()))
                           : places.end();
    parts.push_back(fmt::format("{}{} was {} and is {}", change.key,
                                place == places.end() ? "" : fmt::format(" ({})", place->second),
                                shortened(change.before), shortened(change.now)));
  }
  return joined(std::move(parts), ", ");
}

}  // namespace concertina
