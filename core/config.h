// A YAML config that remembers where each value is: all problems are reported together, each with
// file:line:column, and an unknown key is a problem.
//
//   ConfigFile file = ConfigFile::load("configs/quickstart.yaml");
//   file.set("teacher.steps=500");  // --set a.b=c
//   ConfigSection teacher = file.root().section("teacher");
//   teacher.read("steps", options.steps);  // keeps the default when the key is absent
//   file.finish();                         // InputError with every problem and unknown key
//
// Structs of options are read through core/option_table.h. Not thread-safe. Sections share the
// file's state and stay valid while any of them lives.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bounds.h"

namespace concertina {

template <class S>
class OptionTable;  // core/option_table.h

namespace detail {
struct ConfigNode;  // core/config_tree.h, internal
struct ConfigState;
}  // namespace detail

class ConfigSection {
 public:
  // Each read marks `key` as known. A value of the wrong type or outside its bounds is a problem
  // and leaves `value` unchanged. Integers take suffixes: 27M, 5G, 10k.
  void read(std::string_view key, bool& value);
  void read(std::string_view key, int32_t& value);
  void read(std::string_view key, int64_t& value);
  void read(std::string_view key, double& value);
  void read(std::string_view key, int32_t& value, Bounds bounds);
  void read(std::string_view key, int64_t& value, Bounds bounds);
  void read(std::string_view key, uint64_t& value, Bounds bounds);
  void read(std::string_view key, double& value, Bounds bounds);
  void read(std::string_view key, std::string& value);
  void read(std::string_view key, std::filesystem::path& value);  // as written; see resolve()
  // A list, or one scalar.
  void read(std::string_view key, std::vector<int32_t>& value);
  void read(std::string_view key, std::vector<double>& value);
  void read(std::string_view key, std::vector<std::string>& value);
  // One of `names`; sets `value` to the index of the name found.
  void read_choice(std::string_view key, const std::vector<std::string>& names, int32_t& value);

  bool has(std::string_view key) const;
  bool is_map(std::string_view key) const;
  ConfigSection section(std::string_view key);            // empty section when absent
  std::vector<ConfigSection> list(std::string_view key);  // sections of a sequence of maps
  std::vector<std::string> keys() const;
  void allow(std::string_view key);  // marks the whole subtree as known

  // Adds "file:line:column: key: message"; with `item`, at this item of the list `key`.
  void problem(std::string_view key, const std::string& message);
  void problem(std::string_view key, size_t item, const std::string& message);

  std::string where(std::string_view key) const;                           // "file:line:column"
  std::filesystem::path resolve(const std::filesystem::path& path) const;  // as ConfigFile's
  std::string dump() const;  // canonical YAML of the subtree, for stamps

 private:
  friend class ConfigFile;
  std::shared_ptr<detail::ConfigState> state_;
  std::shared_ptr<detail::ConfigNode> node_;
};

class ConfigFile {
 public:
  static ConfigFile load(const std::filesystem::path& path);  // SystemError, InputError
  static ConfigFile parse(const std::string& text, const std::string& name = "config");
  // "a.b=c": c is YAML, missing maps are created, list items are addressed by index
  // (budgets.0.params=2M). Call it before root(). InputError when malformed.
  void set(const std::string& assignment);
  ConfigSection root();
  void finish() const;       // InputError with every problem
  std::string dump() const;  // the effective config: the file with what set() changed
  std::filesystem::path directory() const;  // of the file
  // A path named in the file: absolute, or relative to the file's folder.
  std::filesystem::path resolve(const std::filesystem::path& path) const;

 private:
  std::shared_ptr<detail::ConfigState> state_;
};

// A JSON object as YAML, its lists in one line. InputError.
std::string yaml_of(const std::string& json);

}  // namespace concertina
