#include "core/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <tuple>

#include "core/config_tree.h"
#include "core/errors.h"
#include "core/files.h"
#include "core/format.h"

namespace concertina {
namespace {

using detail::ConfigNode;
using detail::ConfigProblem;
using detail::ConfigState;
using Kind = ConfigNode::Kind;

template <class T>
constexpr std::string_view kExpected;
template <>
constexpr std::string_view kExpected<bool> = "true or false";
template <>
constexpr std::string_view kExpected<int32_t> = "an integer of 32 bits";
template <>
constexpr std::string_view kExpected<int64_t> = "an integer";
template <>
constexpr std::string_view kExpected<double> = "a number";
template <>
constexpr std::string_view kExpected<std::string> = "a text";
template <>
constexpr std::string_view kExpected<std::filesystem::path> = "a path";

bool convert(const ConfigNode& node, bool& value) {
  if (node.quoted) return false;
  const auto is = [&](const auto& words) {
    return std::find(words.begin(), words.end(), node.text) != words.end();
  };
  static constexpr std::array<std::string_view, 5> kTrue = {"true", "True", "TRUE", "yes", "on"};
  static constexpr std::array<std::string_view, 5> kFalse = {"false", "False", "FALSE", "no",
                                                             "off"};
  if (!is(kTrue) && !is(kFalse)) return false;
  value = is(kTrue);
  return true;
}

bool convert(const ConfigNode& node, double& value) {
  if (node.quoted) return false;
  if (node.text == ".inf" || node.text == "-.inf") {
    value = std::copysign(std::numeric_limits<double>::infinity(), node.text[0] == '-' ? -1 : 1);
    return true;
  }
  try {
    value = parse_count(node.text);
    return true;
  } catch (const InputError&) {
    return false;
  }
}

bool convert(const ConfigNode& node, int64_t& value) {
  if (node.quoted) return false;
  const char* end = node.text.data() + node.text.size();
  int64_t whole = 0;
  const auto [stop, error] = std::from_chars(node.text.data(), end, whole);
  if (error == std::errc{} && stop == end) {  // beyond 2^53 a double is not enough
    value = whole;
    return true;
  }
  double number = 0;
  if (!convert(node, number) || std::trunc(number) != number || std::abs(number) >= 0x1p63) {
    return false;
  }
  value = static_cast<int64_t>(number);
  return true;
}

bool convert(const ConfigNode& node, int32_t& value) {
  int64_t wide = 0;
  if (!convert(node, wide) || wide != static_cast<int32_t>(wide)) return false;
  value = static_cast<int32_t>(wide);
  return true;
}

bool convert(const ConfigNode& node, std::string& value) {
  value = node.text;
  return true;
}

bool convert(const ConfigNode& node, std::filesystem::path& value) {
  value = node.text;
  return true;
}

void add_problem(ConfigState& state, const ConfigNode& node, const std::string& message) {
  state.problems.push_back({node.place, fmt::format("{}: {}", node.path, message)});
}

template <class T>
bool read_scalar(ConfigState& state, const ConfigNode& node, T& value) {
  if (node.kind == Kind::kScalar && convert(node, value)) return true;
  add_problem(state, node, fmt::format("expected {}, found {}", kExpected<T>, describe(node)));
  return false;
}

ConfigNode* ask(const std::shared_ptr<ConfigNode>& node, std::string_view key) {
  CONCERTINA_ASSERT(node != nullptr);
  node->ask(key);
  return node->find(key);
}

template <class T>
void read_key(ConfigState& state, const std::shared_ptr<ConfigNode>& node, std::string_view key,
              T& value) {
  if (const ConfigNode* child = ask(node, key)) read_scalar(state, *child, value);
}

template <class T>
void read_number(ConfigState& state, const std::shared_ptr<ConfigNode>& node, std::string_view key,
                 std::optional<Bounds> bounds, T& value) {
  const ConfigNode* child = ask(node, key);
  T given{};
  if (child == nullptr || !read_scalar(state, *child, given)) return;
  if (!bounds || bounds->holds(static_cast<double>(given))) {
    value = given;
  } else {
    add_problem(state, *child,
                fmt::format("expected {}, found {}", describe(*bounds), describe(*child)));
  }
}

template <class T>
void read_list(ConfigState& state, const std::shared_ptr<ConfigNode>& node, std::string_view key,
               std::vector<T>& value) {
  const ConfigNode* child = ask(node, key);
  if (child == nullptr) return;
  if (child->kind != Kind::kList && child->kind != Kind::kScalar) {
    add_problem(state, *child, fmt::format("expected a list, found {}", describe(*child)));
    return;
  }
  std::vector<T> read;
  bool good = true;
  const auto take = [&](const ConfigNode& item) {
    T element{};
    good = read_scalar(state, item, element) && good;
    read.push_back(std::move(element));
  };
  if (child->kind == Kind::kScalar) take(*child);
  for (const auto& [index, item] : child->entries) take(*item);
  if (good) value = std::move(read);
}

}  // namespace

void ConfigSection::read(std::string_view key, bool& value) {
  read_key(*state_, node_, key, value);
}
void ConfigSection::read(std::string_view key, int32_t& value) {
  read_number(*state_, node_, key, std::nullopt, value);
}
void ConfigSection::read(std::string_view key, int32_t& value, Bounds bounds) {
  read_number(*state_, node_, key, bounds, value);
}
void ConfigSection::read(std::string_view key, int64_t& value) {
  read_number(*state_, node_, key, std::nullopt, value);
}
void ConfigSection::read(std::string_view key, int64_t& value, Bounds bounds) {
  read_number(*state_, node_, key, bounds, value);
}
void ConfigSection::read(std::string_view key, uint64_t& value, Bounds bounds) {
  CONCERTINA_ASSERT(bounds.low >= 0);
  auto number = static_cast<int64_t>(value);
  read_number(*state_, node_, key, bounds, number);
  value = static_cast<uint64_t>(number);
}
void ConfigSection::read(std::string_view key, double& value) {
  read_number(*state_, node_, key, std::nullopt, value);
}
void ConfigSection::read(std::string_view key, double& value, Bounds bounds) {
  read_number(*state_, node_, key, bounds, value);
}
void ConfigSection::read(std::string_view key, std::string& value) {
  read_key(*state_, node_, key, value);
}
void ConfigSection::read(std::string_view key, std::filesystem::path& value) {
  read_key(*state_, node_, key, value);
}
void ConfigSection::read(std::string_view key, std::vector<int32_t>& value) {
  read_list(*state_, node_, key, value);
}
void ConfigSection::read(std::string_view key, std::vector<double>& value) {
  read_list(*state_, node_, key, value);
}
void ConfigSection::read(std::string_view key, std::vector<std::string>& value) {
  read_list(*state_, node_, key, value);
}

void ConfigSection::read_choice(std::string_view key, const std::vector<std::string>& names,
                                int32_t& value) {
  const ConfigNode* child = ask(node_, key);
  if (child == nullptr) return;
  const auto found = std::find(names.begin(), names.end(), child->text);
  if (child->kind == Kind::kScalar && found != names.end()) {
    value = static_cast<int32_t>(found - names.begin());
    return;
  }
  add_problem(*state_, *child,
              fmt::format("expected one of {}, found {}{}", fmt::join(names, ", "),
                          describe(*child), did_you_mean(child->text, names)));
}

bool ConfigSection::has(std::string_view key) const { return node_->find(key) != nullptr; }

bool ConfigSection::is_map(std::string_view key) const {
  const ConfigNode* child = node_->find(key);
  return child != nullptr && child->kind == Kind::kMap;
}

ConfigSection ConfigSection::section(std::string_view key) {
  ConfigSection found;
  found.state_ = state_;
  for (const auto& [name, child] : node_->entries) {
    if (name == key) found.node_ = child;
  }
  node_->ask(key);
  const bool usable =
      found.node_ && (found.node_->kind == Kind::kMap || found.node_->kind == Kind::kNull);
  if (found.node_ && !usable) {
    add_problem(*state_, *found.node_,
                fmt::format("expected a map, found {}", describe(*found.node_)));
  }
  if (!usable) {
    found.node_ = std::make_shared<ConfigNode>();
    found.node_->path = node_->path_of(key);
    found.node_->key_place = found.node_->place = node_->place;
  }
  found.node_->entered = true;
  return found;
}

std::vector<ConfigSection> ConfigSection::list(std::string_view key) {
  std::vector<ConfigSection> sections;
  ConfigNode* child = ask(node_, key);
  if (child == nullptr) return sections;
  if (child->kind != Kind::kList) {
    add_problem(*state_, *child,
                fmt::format("expected a list of maps, found {}", describe(*child)));
    return sections;
  }
  child->entered = true;
  ConfigSection items;
  items.state_ = state_;
  for (const auto& [name, item] : child->entries) {
    items.node_ = item;
    if (item->kind == Kind::kMap) {
      item->entered = true;
      sections.push_back(items);
    } else {
      add_problem(*state_, *item, fmt::format("expected a map, found {}", describe(*item)));
    }
  }
  return sections;
}

std::vector<std::string> ConfigSection::keys() const {
  std::vector<std::string> names;
  for (const auto& [name, child] : node_->entries) names.push_back(name);
  return names;
}

void ConfigSection::allow(std::string_view key) {
  if (ConfigNode* child = ask(node_, key)) child->open = true;
}

void ConfigSection::problem(std::string_view key, const std::string& message) {
  const ConfigNode* child = node_->find(key);
  const std::string path = key.empty() ? node_->path : node_->path_of(key);
  state_->problems.push_back(
      {child != nullptr ? child->place : node_->place, fmt::format("{}: {}", path, message)});
}

void ConfigSection::problem(std::string_view key, size_t item, const std::string& message) {
  const ConfigNode* list = node_->find(key);
  if (list == nullptr || item >= list->entries.size()) return problem(key, message);
  add_problem(*state_, *list->entries[item].second, message);
}

std::string ConfigSection::where(std::string_view key) const {
  const ConfigNode* child = node_->find(key);
  return (child != nullptr ? child->place : node_->place).text();
}

std::filesystem::path ConfigSection::resolve(const std::filesystem::path& path) const {
  return state_->resolve(path);
}

std::string ConfigSection::dump() const {
  return detail::dump_config(*node_, detail::KeyOrder::kSorted, detail::ListStyle::kBlock);
}

ConfigFile ConfigFile::load(const std::filesystem::path& path) {
  ConfigFile file = parse(read_text(path), path.string());
  file.state_->directory = path.parent_path();
  return file;
}

ConfigFile ConfigFile::parse(const std::string& text, const std::string& name) {
  ConfigFile file;
  file.state_ = std::make_shared<ConfigState>();
  file.state_->root = detail::parse_config(text, name);
  return file;
}

void ConfigFile::set(const std::string& assignment) {
  detail::assign_config(*state_->root, assignment);
}

ConfigSection ConfigFile::root() {
  ConfigSection section;
  section.state_ = state_;
  section.node_ = state_->root;
  return section;
}

void ConfigFile::finish() const {
  std::vector<ConfigProblem> problems = state_->problems;
  detail::add_unknown_keys(*state_->root, problems);
  if (problems.empty()) return;
  std::stable_sort(problems.begin(), problems.end(), [](const auto& a, const auto& b) {
    return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
  });
  std::vector<std::string> lines;
  for (const ConfigProblem& problem : problems) {
    lines.push_back(fmt::format("{}: {}", problem.place.text(), problem.message));
  }
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());  // a key may be read twice
  throw InputError(fmt::format("{}", fmt::join(lines, "\n")));
}

std::string ConfigFile::dump() const {
  return detail::dump_config(*state_->root, detail::KeyOrder::kAsWritten,
                             detail::ListStyle::kBlock);
}

std::filesystem::path ConfigFile::directory() const { return state_->directory; }

std::filesystem::path ConfigFile::resolve(const std::filesystem::path& path) const {
  return state_->resolve(path);
}

std::string yaml_of(const std::string& json) {
  return detail::dump_config(*detail::parse_config(json, "JSON"), detail::KeyOrder::kAsWritten,
                             detail::ListStyle::kFlow);
}

}  // namespace concertina
