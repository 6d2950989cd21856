#include "apps/options.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "core/mapped_file.h"
#include "supernet/container/safetensors_layout.h"
#include "supernet/container/torch_file.h"
#include "supernet/model/model_file.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNames[] = {"Concertina model",
                                  "file of a trained objective",
                                  "safetensors file",
                                  "file of torch.save",
                                  "study",
                                  "manifest",
                                  "table of trials",
                                  "HTML page",
                                  "JSON file",
                                  "search space",
                                  ".npy file",
                                  "folder"};

const char* name_of(FileKind kind) { return kNames[static_cast<size_t>(kind)]; }

std::string beginning(const fs::path& path) {
  std::string text(512, '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(0, in.gcount())));
  return text;
}

bool begins_with(const std::string& text, char wanted) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string::npos && text[first] == wanted;
}

bool is_page(std::string text) {
  return CLI::detail::to_lower(std::move(text)).starts_with("<!doctype html");
}

// The metadata of a safetensors file; empty when it is none.
std::map<std::string, std::string> safetensors_metadata(const fs::path& path) {
  try {
    return parse_safetensors(MappedFile(path).bytes(), path.string()).metadata;
  } catch (const InputError&) {  // On purpose: unreadable means none
    return {};
  }
}

bool is_space(const fs::path& path) {
  try {
    load_search_space(path);
    return true;
  } catch (const InputError&) {  // On purpose: unreadable means none
    return false;
  }
}

// `head`: its first bytes, at least one.
bool is_of_kind(const fs::path& path, FileKind kind, const std::string& head) {
  if (kind == FileKind::kModel) return is_model_metadata(safetensors_metadata(path));
  if (kind == FileKind::kHeads) return safetensors_metadata(path).contains("objective");
  if (kind == FileKind::kWeights) {
    const auto metadata = safetensors_metadata(path);
    return metadata.contains("format") && !is_model_metadata(metadata);
  }
  if (kind == FileKind::kTorch) return is_torch_file(MappedFile(path).bytes());
  if (kind == FileKind::kStudy) return head.starts_with("SQLite format 3");
  if (kind == FileKind::kManifest) return head.starts_with("id\t");
  if (kind == FileKind::kTrials)
    return begins_with(head, '[') || head.starts_with("trial,generation,");
  if (kind == FileKind::kPage) return is_page(head);
  if (kind == FileKind::kJson)
    return begins_with(head, '{') && nlohmann::json::accept(read_text(path));
  if (kind == FileKind::kSpace) return is_space(path);
  return head.starts_with("\x93NUMPY");
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  const auto [end, rest] = std::ranges::mismatch(folder, path);
  return end == folder.end();
}

std::vector<std::string> paths_of(const CLI::Option& option) {
  if (option.count() > 0) {
    for (const std::string& path : option.results()) {
      if (path.empty()) throw InputError(option.get_name() + ": expected a path, found ''");
    }
    return option.results();
  }
  if (option.get_default_str().empty()) return {};
  return {option.get_default_str()};
}

}  // namespace

CLI::Validator within(const Bounds& bounds, bool whole_number) {
  return CLI::Validator(
      [bounds, whole_number](const std::string& text) {
        double value = 0;
        const bool is_number = CLI::detail::lexical_cast(text, value);
        if (is_number && bounds.holds(value) && (!whole_number || std::trunc(value) == value))
          return std::string();
        return fmt::format("expected a {} from {}, found '{}'",
                           whole_number ? "whole number" : "number", describe(bounds), text);
      },
      describe(bounds));
}

void PathOptions::check() const {
  std::vector<fs::path> inputs;
  for (const CLI::Option* option : inputs_) {
    for (const std::string& path : paths_of(*option)) inputs.emplace_back(path);
  }
  const OutputCheck refuse(inputs);
  for (const auto& [verb, option, kind] : outputs_) {
    if (!verb->parsed()) continue;
    for (const std::string& path : paths_of(*option)) {
      refuse(path, kind);
      remove_abandoned(path);
    }
  }
}

OutputCheck::OutputCheck(const std::vector<fs::path>& inputs) {
  for (const fs::path& input : inputs) {
    struct stat info = {};
    if (::stat(input.c_str(), &info) != 0) continue;
    files_.emplace(info.st_dev, info.st_ino);
    std::error_code error;
    if (S_ISDIR(info.st_mode)) folders_.push_back(fs::canonical(input, error));
  }
}

void OutputCheck::operator()(const fs::path& output, FileKind kind) const {
  struct stat info = {};
  if (::stat(output.c_str(), &info) != 0) return;
  const bool folder = S_ISDIR(info.st_mode);
  if (kind == FileKind::kFolder && folder) return;
  if (files_.contains({info.st_dev, info.st_ino})) {
    throw InputError(
        fmt::format("{} is an input of this command and would be overwritten: name another file",
                    output.string()));
  }
  if (folder) {
    throw InputError(
        fmt::format("{} is a folder: expected the name of a {}", output.string(), name_of(kind)));
  }
  if (kind == FileKind::kFolder)
    throw InputError(fmt::format("{} is no folder: name another one", output.string()));
  if (!S_ISREG(info.st_mode)) return;
  std::error_code error;
  const fs::path real = fs::canonical(output, error);
  for (const fs::path& read : folders_) {
    if (kind != FileKind::kManifest && lies_in(real, read)) {
      throw InputError(fmt::format("{} is a file of {}, which is an input: name another file",
                                   output.string(), read.string()));
    }
  }
  const std::string head = beginning(output);
  if (!head.empty() && !is_of_kind(output, kind, head)) {
    throw InputError(
        fmt::format("{} exists and is no {}, so it is not overwritten: name another file",
                    output.string(), name_of(kind)));
  }
}

}  // namespace concertina
