#include "core/config_tree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "core/errors.h"

namespace concertina::detail {
namespace {

using Kind = ConfigNode::Kind;
using Pointer = std::shared_ptr<ConfigNode>;

// Aliases can nest or multiply without limit.
constexpr int32_t kMaxDepth = 64;
constexpr int32_t kMaxNodes = 1'000'000;

class Converter {
 public:
  Converter(std::string source, bool has_lines)
      : source_(std::move(source)), has_lines_(has_lines) {}

  ConfigPlace place(const YAML::Mark& mark) const {
    if (!has_lines_ || mark.is_null()) return {source_, has_lines_ ? 1 : 0, 1};
    return {source_, mark.line + 1, mark.column + 1};
  }

  Pointer convert(const YAML::Node& yaml, const std::string& path, const ConfigPlace& key_place,
                  int32_t depth = 0) {
    if (depth > kMaxDepth || ++nodes_ > kMaxNodes) {
      throw InputError(fmt::format("{}: limit exceeded: more than {} levels or {} nodes",
                                   key_place.text(), kMaxDepth, kMaxNodes));
    }
    auto node = std::make_shared<ConfigNode>();
    node->path = path;
    node->key_place = node->place = key_place;
    if (yaml.IsScalar()) {
      node->kind = Kind::kScalar;
      node->place = place(yaml.Mark());
      node->text = yaml.Scalar();
      node->quoted = yaml.Tag() != "?" && !yaml.Tag().empty();
    } else if (yaml.IsMap()) {
      add_entries(yaml, *node, depth);
    } else if (yaml.IsSequence()) {
      add_items(yaml, *node, depth);
    } else {
      node->kind = Kind::kNull;
    }
    return node;
  }

 private:
  void add_entries(const YAML::Node& yaml, ConfigNode& node, int32_t depth) {
    node.kind = Kind::kMap;
    for (const auto& entry : yaml) {
      const ConfigPlace at = place(entry.first.Mark());
      if (!entry.first.IsScalar()) {
        throw InputError(fmt::format("{}: expected a plain name as key", at.text()));
      }
      const std::string& key = entry.first.Scalar();
      if (const ConfigNode* first = node.find(key)) {
        throw InputError(fmt::format("{}: duplicate key '{}', first at {}", at.text(), key,
                                     first->key_place.text()));
      }
      node.entries.emplace_back(key, convert(entry.second, node.path_of(key), at, depth + 1));
    }
  }

  void add_items(const YAML::Node& yaml, ConfigNode& node, int32_t depth) {
    node.kind = Kind::kList;
    for (const auto& item : yaml) {
      const std::string key = std::to_string(node.entries.size());
      node.entries.emplace_back(key,
                                convert(item, node.path_of(key), place(item.Mark()), depth + 1));
    }
  }

  std::string source_;
  bool has_lines_;
  int32_t nodes_ = 0;
};

YAML::Node load_one(const std::string& text, const Converter& converter) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      throw InputError(fmt::format("{}: expected one YAML document, found another",
                                   converter.place(documents[1].Mark()).text()));
    }
    return documents.empty() ? YAML::Node() : documents.front();
  } catch (const YAML::Exception& error) {
    throw InputError(
        fmt::format("{}: no valid YAML: {}", converter.place(error.mark).text(), error.msg));
  }
}

std::vector<std::string> split_keys(std::string_view path) {
  std::vector<std::string> keys;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    keys.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return keys;
}

// The entry `key` of a map (created when missing) or of a list (which must have it).
Pointer& entry_of(ConfigNode& node, const std::string& key, const std::string& source) {
  if (node.kind == Kind::kNull) node.kind = Kind::kMap;
  for (auto& [name, child] : node.entries) {
    if (name == key) return child;
  }
  if (node.kind == Kind::kList) {
    throw InputError(
        fmt::format("{}: {} is a list of {} items, expected a number below that, found '{}'",
                    source, node.path, node.entries.size(), key));
  }
  if (node.kind != Kind::kMap) {
    throw InputError(fmt::format("{}: {} is {} at {}, expected a map", source, node.path,
                                 describe(node), node.place.text()));
  }
  auto made = std::make_shared<ConfigNode>();
  made->kind = Kind::kMap;
  made->path = node.path_of(key);
  made->key_place = made->place = {source, 0, 0};
  return node.entries.emplace_back(key, std::move(made)).second;
}

std::vector<std::pair<std::string, Pointer>> ordered_entries(const ConfigNode& node,
                                                             KeyOrder order) {
  auto entries = node.entries;
  if (order == KeyOrder::kSorted) {
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
  }
  return entries;
}

void emit(YAML::Emitter& out, const ConfigNode& node, KeyOrder order, ListStyle lists) {
  if (node.kind == Kind::kScalar) {
    if (node.quoted) out << YAML::DoubleQuoted;
    out << node.text;
  } else if (node.kind == Kind::kNull) {
    out << YAML::Null;
  } else if (node.kind == Kind::kList) {
    if (lists == ListStyle::kFlow) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const auto& [key, item] : node.entries) emit(out, *item, order, lists);
    out << YAML::EndSeq;
  } else {
    out << YAML::BeginMap;
    for (const auto& [key, child] : ordered_entries(node, order)) {
      out << YAML::Key << key << YAML::Value;
      emit(out, *child, order, lists);
    }
    out << YAML::EndMap;
  }
}

std::string unknown_key_hint(const std::string& key, const std::vector<std::string>& asked) {
  const std::string near = did_you_mean(key, asked);
  if (!near.empty() || asked.empty()) return near;
  return fmt::format(" (known here: {})", fmt::join(asked, ", "));
}

}  // namespace

std::string ConfigPlace::text() const {
  return line == 0 ? source : fmt::format("{}:{}:{}", source, line, column);
}

ConfigNode* ConfigNode::find(std::string_view key) const {
  for (const auto& [name, child] : entries) {
    if (name == key) return child.get();
  }
  return nullptr;
}

void ConfigNode::ask(std::string_view key) {
  if (std::find(asked.begin(), asked.end(), key) == asked.end()) asked.emplace_back(key);
}

std::string ConfigNode::path_of(std::string_view key) const {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::filesystem::path ConfigState::resolve(const std::filesystem::path& path) const {
  return path.is_absolute() ? path : (directory / path).lexically_normal();
}

Pointer parse_config(const std::string& text, const std::string& name) {
  Converter converter(name, true);
  Pointer root = converter.convert(load_one(text, converter), "", {name, 1, 1});
  if (root->kind == Kind::kNull) root->kind = Kind::kMap;
  if (root->kind != Kind::kMap) {
    throw InputError(
        fmt::format("{}: expected a map of keys, found {}", root->place.text(), describe(*root)));
  }
  return root;
}

void assign_config(ConfigNode& root, const std::string& assignment) {
  const std::string source = "--set " + assignment;
  const size_t equals = assignment.find('=');
  const auto keys = split_keys(std::string_view(assignment).substr(0, equals));
  if (equals == std::string::npos || std::find(keys.begin(), keys.end(), "") != keys.end()) {
    throw InputError(fmt::format("{}: expected KEY=VALUE or KEY.SUBKEY=VALUE", source));
  }
  Converter converter(source, false);
  const YAML::Node value = load_one(assignment.substr(equals + 1), converter);
  ConfigNode* node = &root;
  for (size_t i = 0; i + 1 < keys.size(); ++i) node = entry_of(*node, keys[i], source).get();
  const std::string path = node->path_of(keys.back());
  entry_of(*node, keys.back(), source) = converter.convert(value, path, {source, 0, 0});
}

std::string dump_config(const ConfigNode& node, KeyOrder order, ListStyle lists) {
  YAML::Emitter out;
  emit(out, node, order, lists);
  return std::string(out.c_str()) + "\n";
}

void add_unknown_keys(const ConfigNode& node, std::vector<ConfigProblem>& problems) {
  for (const auto& [key, child] : node.entries) {
    const bool known = node.kind == Kind::kList ||
                       std::find(node.asked.begin(), node.asked.end(), key) != node.asked.end();
    if (!known) {
      problems.push_back({child->key_place, fmt::format("{}: unknown key{}", child->path,
                                                        unknown_key_hint(key, node.asked))});
    } else if (child->entered && !child->open) {
      add_unknown_keys(*child, problems);
    }
  }
}

std::string describe(const ConfigNode& node) {
  switch (node.kind) {
    case Kind::kScalar:
      return fmt::format("{}'{}'", node.quoted ? "the text " : "", node.text);
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
    default:
      return "nothing";
  }
}

}  // namespace concertina::detail
