#include "distill/train/recipe_diff.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace concertina {
namespace {

using Json = nlohmann::json;
using Values = std::map<std::string, std::string>;  // dotted key to JSON

constexpr const char* kNothing = "nothing";
constexpr size_t kMostShown = 8, kMostText = 60;  // changes, characters of a value

void collect(const Json& json, const std::string& prefix, Values& leaves) {
  if (!json.is_object() || json.empty()) {
    leaves[prefix] = json.dump();
    return;
  }
  for (const auto& [key, value] : json.items()) {
    collect(value, prefix.empty() ? key : prefix + "." + key, leaves);
  }
}

Values values_of_recipe(const std::string& recipe) {
  const Json json = Json::parse(recipe, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return {{"recipe", recipe}};
  Values leaves;
  collect(json, "", leaves);
  return leaves;
}

const std::string& value_of(const Values& leaves, const std::string& key) {
  static const std::string nothing = kNothing;
  const auto found = leaves.find(key);
  return found == leaves.end() ? nothing : found->second;
}

double number_of(const Values& leaves, const std::string& key) {
  const auto found = leaves.find(key);
  return found == leaves.end() ? 0 : std::strtod(found->second.c_str(), nullptr);
}

// "stage1" of "stage1.steps"; "" for keys that are deeper or not a stage's.
std::string stage_of(const std::string& key, const std::string& name) {
  const size_t dot = key.find('.');
  return dot != std::string::npos && key.substr(dot + 1) == name ? key.substr(0, dot) : "";
}

bool is_free(const Values& before, const Values& now, const std::string& key, int64_t done) {
  if (!stage_of(key, "validate_every").empty() || !stage_of(key, "validation_crops").empty()) {
    return true;
  }
  const std::string stage = stage_of(key, "steps");
  if (stage.empty()) return false;
  const double old_steps = number_of(before, key), new_steps = number_of(now, key);
  const double opening = number_of(now, stage + ".sampler.progressive");
  return new_steps >= static_cast<double>(done) &&
         static_cast<double>(done) >= opening * std::max(old_steps, new_steps);
}

std::string shown(const std::string& value) {
  return value.size() <= kMostText ? value : value.substr(0, kMostText) + "...";
}

}  // namespace

RecipeChanges changes_between(const std::string& before, const std::string& now, int64_t done) {
  const Values old_leaves = values_of_recipe(before), new_leaves = values_of_recipe(now);
  std::set<std::string> keys;
  for (const Values* leaves : {&old_leaves, &new_leaves}) {
    for (const auto& [key, value] : *leaves) keys.insert(key);
  }
  RecipeChanges changes;
  for (const std::string& key : keys) {
    const std::string &was = value_of(old_leaves, key), &is = value_of(new_leaves, key);
    if (was == is) continue;
    const bool free = is_free(old_leaves, new_leaves, key, done);
    (free ? changes.free : changes.binding).push_back({key, was, is});
  }
  return changes;
}

std::string describe(const std::vector<RecipeChange>& changes) {
  std::vector<std::string> words;
  for (const RecipeChange& change : changes) {
    if (words.size() == kMostShown) {
      words.push_back(fmt::format("and {} more", changes.size() - kMostShown));
      break;
    }
    words.push_back(
        fmt::format("{} was {} and is {}", change.key, shown(change.before), shown(change.now)));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace concertina
