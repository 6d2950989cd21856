// The configuration of a pretrained checkpoint: config.json, a pickled dict, argparse.Namespace or
// OmegaConf object. Nested keys are joined by dots: "cfg.model.conv_pos".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "supernet/container/pickle.h"

namespace concertina {

using Setting = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>>;

class Settings {
 public:
  Settings() = default;
  // `name` is the file, for messages. InputError: no JSON object, or one of more than 16 MiB.
  static Settings from_json(std::string_view text, const std::string& name);
  // Plain values of a pickle; tensors, objects without plain state and values nested deeper than 8
  // are left out.
  static Settings from_pickle(const PickleValue& value, const std::string& name);

  const std::string& name() const { return name_; }
  bool has(const std::string& key) const { return values_.contains(key); }
  const Setting* find(const std::string& key) const;
  std::string text(const std::string& key) const;  // "" where there is none

 private:
  std::string name_;
  std::map<std::string, Setting> values_;
};

// Reads keys under a prefix with defaults; problems are collected and thrown together.
class SettingsReader {
 public:
  SettingsReader(const Settings& settings, std::string prefix)
      : settings_(settings), prefix_(std::move(prefix)) {}

  bool has(const std::string& key) const { return settings_.has(prefix_ + key); }
  // An absent key leaves `value` as it is; a wrong type or a number out of range is a problem.
  void read(const std::string& key, bool& value);
  void read(const std::string& key, double& value);
  void read(const std::string& key, std::string& value);
  void read(const std::string& key, int32_t& value, int32_t low, int32_t high);
  void read(const std::string& key, std::vector<int32_t>& value, int32_t low, int32_t high);
  // Any other value is a problem.
  void expect(const std::string& key, bool supported);
  void expect(const std::string& key, const char* supported);
  void problem(const std::string& key, const std::string& what);
  void finish() const;  // InputError with all problems

 private:
  template <class Stored>
  const Stored* stored(const std::string& key, const char* expected);

  const Settings& settings_;
  std::string prefix_;
  std::string problems_;
};

}  // namespace concertina
