#include "supernet/checkpoint/settings.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/errors.h"

namespace concertina {
namespace {

using Json = nlohmann::json;
using Kind = PickleValue::Kind;
using Values = std::map<std::string, Setting>;

constexpr size_t kLongestJson = size_t{16} << 20;
constexpr int kMaxNesting = 8;
constexpr int64_t kMaxVisits = 1'000'000;  // values of a pickle may be shared many times

std::string below(const std::string& key, const std::string& name) {
  return key.empty() ? name : fmt::format("{}.{}", key, name);
}

void collect(const Json& json, const std::string& key, int depth, Values& values) {
  if (json.is_object()) {
    if (depth == kMaxNesting) return;
    for (const auto& [name, value] : json.items()) {
      collect(value, below(key, name), depth + 1, values);
    }
  } else if (json.is_boolean()) {
    values[key] = json.get<bool>();
  } else if (json.is_number_integer()) {
    values[key] = json.get<int64_t>();
  } else if (json.is_number()) {
    values[key] = json.get<double>();
  } else if (json.is_string()) {
    values[key] = json.get<std::string>();
  } else if (json.is_array()) {
    std::vector<int64_t> list;
    for (const Json& item : json) {
      if (!item.is_number_integer()) return;
      list.push_back(item.get<int64_t>());
    }
    values[key] = std::move(list);
  }
}

class PickleCollector {
 public:
  explicit PickleCollector(Values& values) : values_(values) {}

  void collect(const PickleValue* value, const std::string& key, int depth) {
    if (depth > kMaxNesting || visits_ > kMaxVisits) return;
    value = unwrapped(value);
    visits_ += 1 + static_cast<int64_t>(value->items.size());
    switch (value->kind) {
      case Kind::kBool:
        values_[key] = value->integer != 0;
        break;
      case Kind::kInt:
        values_[key] = value->integer;
        break;
      case Kind::kFloat:
        values_[key] = value->real;
        break;
      case Kind::kText:
        values_[key] = std::string(value->text);
        break;
      case Kind::kList:
      case Kind::kTuple:
        if (auto list = integers(*value)) values_[key] = std::move(*list);
        break;
      case Kind::kDict:
        for (size_t i = 0; i + 1 < value->items.size(); i += 2) {
          if (!value->items[i]->is(Kind::kText) || visits_ > kMaxVisits) continue;
          const std::string name(value->items[i]->text);
          collect(value->items[i + 1], below(key, name), depth + 1);
        }
        break;
      default:
        break;
    }
  }

 private:
  // The state of an object: attributes of a Namespace, the value of an enum member, the content of
  // OmegaConf's nodes.
  const PickleValue* unwrapped(const PickleValue* value) {
    for (int i = 0; i < kMaxNesting && visits_ <= kMaxVisits; ++i) {
      visits_ += static_cast<int64_t>(value->items.size());
      if (value->is(Kind::kRecord)) {
        const auto& arguments = value->items[1]->items;
        const bool has_state = value->items[2]->is(Kind::kDict);
        if (!has_state && arguments.size() != 1) return value;
        value = has_state ? value->items[2] : arguments[0];
      } else if (const PickleValue* content = value->find("_content")) {
        value = content;
      } else if (const PickleValue* scalar = value->find("_val")) {
        value = scalar;
      } else {
        return value;
      }
    }
    return value;
  }

  std::optional<std::vector<int64_t>> integers(const PickleValue& list) {
    std::vector<int64_t> numbers;
    for (const PickleValue* item : list.items) {
      item = unwrapped(item);
      if (!item->is(Kind::kInt)) return std::nullopt;
      numbers.push_back(item->integer);
    }
    return numbers;
  }

  Values& values_;
  int64_t visits_ = 0;
};

bool in_range(int64_t value, int32_t low, int32_t high) { return value >= low && value <= high; }

}  // namespace

Settings Settings::from_json(std::string_view text, const std::string& name) {
  if (text.size() > kLongestJson) {
    throw InputError(fmt::format("{} is no configuration: it has {} bytes", name, text.size()));
  }
  Settings settings;
  settings.name_ = name;
  try {
    const Json json = Json::parse(text);
    if (!json.is_object()) throw InputError(name + " is no JSON object");
    collect(json, "", 0, settings.values_);
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("{} cannot be read: {}", name, error.what()));
  }
  return settings;
}

Settings Settings::from_pickle(const PickleValue& value, const std::string& name) {
  Settings settings;
  settings.name_ = name;
  PickleCollector(settings.values_).collect(&value, "", 0);
  return settings;
}

const Setting* Settings::find(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

std::string Settings::text(const std::string& key) const {
  const Setting* value = find(key);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? "" : *text;
}

template <class Stored>
const Stored* SettingsReader::stored(const std::string& key, const char* expected) {
  const Setting* value = settings_.find(prefix_ + key);
  if (value == nullptr) return nullptr;
  const auto* found = std::get_if<Stored>(value);
  if (found == nullptr) problem(key, fmt::format("expected {}", expected));
  return found;
}

void SettingsReader::read(const std::string& key, bool& value) {
  if (const auto* found = stored<bool>(key, "true or false")) value = *found;
}

void SettingsReader::read(const std::string& key, double& value) {
  const Setting* given = settings_.find(prefix_ + key);
  if (given != nullptr && std::holds_alternative<int64_t>(*given)) {
    value = static_cast<double>(std::get<int64_t>(*given));
  } else if (const auto* found = stored<double>(key, "a number")) {
    value = *found;
  }
}

void SettingsReader::read(const std::string& key, std::string& value) {
  if (const auto* found = stored<std::string>(key, "a text")) value = *found;
}

void SettingsReader::read(const std::string& key, int32_t& value, int32_t low, int32_t high) {
  const auto* found = stored<int64_t>(key, "an integer");
  if (found == nullptr) return;
  if (!in_range(*found, low, high)) {
    return problem(key, fmt::format("{} is out of range: expected {} to {}", *found, low, high));
  }
  value = static_cast<int32_t>(*found);
}

void SettingsReader::read(const std::string& key, std::vector<int32_t>& value, int32_t low,
                          int32_t high) {
  const auto* found = stored<std::vector<int64_t>>(key, "a list of integers");
  if (found == nullptr) return;
  value.clear();
  for (const int64_t item : *found) {
    if (!in_range(item, low, high)) {
      return problem(key, fmt::format("{} is out of range: expected {} to {}", item, low, high));
    }
    value.push_back(static_cast<int32_t>(item));
  }
}

void SettingsReader::expect(const std::string& key, bool supported) {
  bool value = supported;
  read(key, value);
  if (value != supported) problem(key, fmt::format("{} is not supported", value));
}

void SettingsReader::expect(const std::string& key, const char* supported) {
  std::string value = supported;
  read(key, value);
  if (value != supported) {
    problem(key, fmt::format("'{}' is not supported, '{}' is", value, supported));
  }
}

void SettingsReader::problem(const std::string& key, const std::string& what) {
  problems_ += fmt::format("{}{}{}: {}", problems_.empty() ? "" : "; ", prefix_, key, what);
}

void SettingsReader::finish() const {
  if (!problems_.empty()) {
    throw InputError(
        fmt::format("{}: the model's configuration does not fit: {}", settings_.name(), problems_));
  }
}

}  // namespace concertina
