#include "pipeline/stamps.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/files.h"
#include "core/hash.h"

namespace concertina {
namespace {

constexpr int32_t kStampFormat = 1;  // a change of what the stages write makes old stamps stale

}  // namespace

std::string content_hash(const std::filesystem::path& path) {
  return path.empty() ? "" : sha256_file(path);
}

std::string content_hash(const std::map<std::string, std::filesystem::path>& files) {
  std::string hashes;
  for (const auto& [name, path] : files) hashes += fmt::format("{} {}\n", name, content_hash(path));
  return hashes;
}

Stamps::Stamps(std::filesystem::path folder) : folder_(std::move(folder)) {
  remove_abandoned(folder_);
}

const std::string& Stamps::add(const Stage& stage) {
  std::string text = fmt::format("format {}\n{}\n{}\n", kStampFormat, stage.name, stage.settings);
  for (const std::string& input : stage.inputs) text += hash_for_dependents(input) + '\n';
  return added_.insert_or_assign(stage.name, Added{sha256(text), stage.content}).first->second.hash;
}

bool Stamps::is_up_to_date(const Stage& stage) const {
  return is(stage, "done") && std::ranges::all_of(stage.outputs, [](const auto& path) {
           return std::filesystem::exists(path);
         });
}

bool Stamps::is(const Stage& stage, std::string_view state) const {
  const std::filesystem::path path = folder_ / stage.name;
  return std::filesystem::exists(path) && read_text(path) == text(stage, state);
}

void Stamps::set(const Stage& stage, std::string_view state) const {
  make_directories(folder_);
  write_atomically(folder_ / stage.name, text(stage, state));
}

std::string Stamps::text(const Stage& stage, std::string_view state) const {
  return fmt::format("{} {}\n", added_.at(stage.name).hash, state);
}

std::string Stamps::hash_for_dependents(const std::string& stage) const {
  const auto& [hash, content] = added_.at(stage);
  const std::optional<std::string> found = content ? content() : std::nullopt;
  return found ? sha256(hash + *found) : hash;
}

}  // namespace concertina
