// The tree behind ConfigFile: YAML with the place of every node, and which keys were read.
// Internal to core.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config.h"

namespace concertina::detail {

struct ConfigPlace {
  std::string source;  // the file's name, or "--set a.b=c"
  int32_t line = 0;    // 1-based; 0: the source has no lines
  int32_t column = 0;
  std::string text() const;  // "file:line:column"
};

struct ConfigNode {
  enum class Kind { kAbsent, kNull, kScalar, kList, kMap };

  Kind kind = Kind::kAbsent;
  std::string path;  // from the root: "report.budgets.0.params"
  ConfigPlace key_place;
  ConfigPlace place;    // of a scalar its own, else the key's
  std::string text;     // kScalar
  bool quoted = false;  // kScalar: a string, whatever it looks like
  // List items: "0", "1", ...
  std::vector<std::pair<std::string, std::shared_ptr<ConfigNode>>> entries;

  std::vector<std::string> asked;  // keys that readers know
  bool entered = false;            // read as a section or list: its own keys are checked
  bool open = false;               // unknown keys are accepted

  ConfigNode* find(std::string_view key) const;
  void ask(std::string_view key);
  std::string path_of(std::string_view key) const;
};

struct ConfigProblem {
  ConfigPlace place;
  std::string message;
};

struct ConfigState {
  std::filesystem::path directory;
  std::shared_ptr<ConfigNode> root;
  std::vector<ConfigProblem> problems;

  std::filesystem::path resolve(const std::filesystem::path& path) const;
};

enum class KeyOrder { kAsWritten, kSorted };
enum class ListStyle { kBlock, kFlow };  // one item per line, or all in one

// InputError.
std::shared_ptr<ConfigNode> parse_config(const std::string& text, const std::string& name);
void assign_config(ConfigNode& root, const std::string& assignment);  // InputError
std::string dump_config(const ConfigNode& node, KeyOrder order, ListStyle lists);
void add_unknown_keys(const ConfigNode& node, std::vector<ConfigProblem>& problems);
// Its value for messages: "'12x'", "a list", "nothing"
std::string describe(const ConfigNode& node);

}  // namespace concertina::detail
