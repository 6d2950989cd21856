#include "core/option_value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "core/errors.h"

namespace concertina::detail {
namespace {

template <class T>
constexpr bool kIsNumber = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;

template <class T>
constexpr const char* kType = "whole number";
template <>
constexpr const char* kType<bool> = "true or false";
template <>
constexpr const char* kType<double> = "number";
template <>
constexpr const char* kType<std::string> = "text";
template <>
constexpr const char* kType<std::filesystem::path> = "path";
template <>
constexpr const char* kType<NumberRange> = "[lowest, highest]";
template <>
constexpr const char* kType<std::vector<int32_t>> = "list of whole numbers";
template <>
constexpr const char* kType<std::vector<double>> = "list of numbers";
template <>
constexpr const char* kType<std::vector<std::string>> = "list of names";
template <>
constexpr const char* kType<std::map<std::string, double>> = "NAME: number";

template <class T>
  requires kIsNumber<T>
void check_items(const OptionInfo& info, const std::vector<T>& items, ConfigSection& section) {
  for (size_t i = 0; info.bounds && i < items.size(); ++i) {
    if (info.bounds->holds(items[i])) continue;
    section.problem(info.key, i,
                    fmt::format("expected {}, found '{}'", describe(*info.bounds), items[i]));
  }
}

void check_items(const OptionInfo& info, const std::vector<std::string>& items,
                 ConfigSection& section) {
  for (size_t i = 0; !info.choices.empty() && i < items.size(); ++i) {
    if (std::ranges::find(info.choices, items[i]) != info.choices.end()) continue;
    section.problem(info.key, i,
                    fmt::format("expected one of {}, found '{}'{}", fmt::join(info.choices, ", "),
                                items[i], did_you_mean(items[i], info.choices)));
  }
}

void read_into(const OptionInfo& info, bool& value, ConfigSection& section) {
  section.read(info.key, value);
}

template <class T>
  requires kIsNumber<T>
void read_into(const OptionInfo& info, T& value, ConfigSection& section) {
  CONCERTINA_ASSERT(info.bounds.has_value());
  section.read(info.key, value, *info.bounds);
}

void read_into(const OptionInfo& info, std::string& value, ConfigSection& section) {
  if (info.choices.empty()) return section.read(info.key, value);
  int32_t found = -1;
  section.read_choice(info.key, info.choices, found);
  if (found >= 0) value = info.choices[static_cast<size_t>(found)];
}

void read_into(const OptionInfo& info, std::filesystem::path& value, ConfigSection& section) {
  section.read(info.key, value);
  if (info.relative_to_file && section.has(info.key) && !value.empty())
    value = section.resolve(value);
}

void read_into(const OptionInfo& info, NumberRange& value, ConfigSection& section) {
  CONCERTINA_ASSERT(info.bounds.has_value());
  std::vector<double> ends = {value.low, value.high};
  section.read(info.key, ends);
  if (ends.size() != 2 || !info.bounds->holds(ends[0]) || !info.bounds->holds(ends[1]) ||
      ends[0] > ends[1]) {
    return section.problem(
        info.key, fmt::format("expected [lowest, highest] within {}", describe(*info.bounds)));
  }
  value = {ends[0], ends[1]};
}

template <class T>
void read_into(const OptionInfo& info, std::vector<T>& value, ConfigSection& section) {
  section.read(info.key, value);
  check_items(info, value, section);
}

void read_into(const OptionInfo& info, std::map<std::string, double>& value,
               ConfigSection& section) {
  CONCERTINA_ASSERT(info.bounds.has_value());
  ConfigSection entries = section.section(info.key);
  for (const std::string& name : entries.keys()) {
    double number = 1;
    entries.read(name, number, *info.bounds);
    value[name] = number;
  }
}

std::vector<std::string> names_of(const OptionInfo& info, const EnumPointer& value) {
  if (!info.choices.empty()) return info.choices;
  return {value.names.begin(), value.names.end()};
}

void read_into(const OptionInfo& info, const EnumPointer& value, ConfigSection& section) {
  const std::vector<std::string> accepted = names_of(info, value);
  int32_t found = -1;
  section.read_choice(info.key, accepted, found);
  if (found < 0) return;
  const auto at = std::ranges::find(value.names, accepted[static_cast<size_t>(found)]);
  value.set(static_cast<int32_t>(at - value.names.begin()));
}

Json json_of(const std::filesystem::path& path) { return path.string(); }
Json json_of(const NumberRange& range) { return {range.low, range.high}; }
Json json_of(const EnumPointer& value) { return value.names[static_cast<size_t>(value.get())]; }
template <class T>
Json json_of(const T& value) {
  return value;
}

void add_missing(Json& object, const Json& from) {
  if (object.is_array() && from.is_array() && object.size() == from.size()) {
    for (size_t i = 0; i < object.size(); ++i) add_missing(object[i], from[i]);
  }
  if (!object.is_object() || !from.is_object()) return;
  for (const auto& [key, value] : from.items()) {
    if (object.contains(key)) {
      add_missing(object[key], value);
    } else {
      object[key] = value;
    }
  }
}

// Pointers as what they point at.
template <class Function>
auto visit_value(const ValuePointer& value, Function&& function) {
  return std::visit(
      [&](const auto& at) {
        if constexpr (std::is_same_v<std::decay_t<decltype(at)>, EnumPointer>) {
          return function(at);
        } else {
          return function(*at);
        }
      },
      value);
}

}  // namespace

void read_value(const OptionInfo& info, const ValuePointer& value, ConfigSection& section) {
  visit_value(value, [&](auto& at) { read_into(info, at, section); });
}

void write_value(const OptionInfo& info, const ValuePointer& value, Json& object) {
  object[info.key] = visit_value(value, [](const auto& at) { return json_of(at); });
}

OptionRow row_of(const OptionInfo& info, const ValuePointer& value, const std::string& prefix) {
  OptionRow row{.key = dotted(prefix, info.key),
                .bounds = info.bounds,
                .choices = info.choices,
                .unit = info.unit,
                .help = info.help};
  visit_value(value, [&](const auto& at) {
    using T = std::decay_t<decltype(at)>;
    row.default_value = json_of(at).dump();
    if constexpr (std::is_same_v<T, EnumPointer>) {
      row.type = "name";
      row.choices = names_of(info, at);
    } else {
      row.type = kType<T>;
      row.is_number = kIsNumber<T>;
    }
  });
  if (row.default_value == "\"\"" || row.default_value == "{}") row.default_value.clear();
  return row;
}

Json& member_of(Json& object, const std::string& key) { return object[key]; }

std::string dump_object(const std::function<void(Json&)>& write) {
  Json json;
  write(json);
  return json.dump();
}

std::string completed_object(const std::string& json,
                             const std::function<std::string(ConfigSection)>& rewritten) {
  Json object = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return json;
  add_missing(object, Json::parse(rewritten(ConfigFile::parse(json).root())));
  return object.dump();
}

// An item of a list is a key of digits: "of.1.kind".
void report_problem(ConfigSection section, const std::string& key, const std::string& message) {
  const size_t dot = key.find('.');
  if (dot == std::string::npos) return section.problem(key, message);
  const std::string first = key.substr(0, dot), rest = key.substr(dot + 1);
  if (std::isdigit(static_cast<unsigned char>(rest.front())) == 0)
    return report_problem(section.section(first), rest, message);
  const size_t end = rest.find('.');
  const size_t item = std::stoul(rest.substr(0, end));
  if (end == std::string::npos) return section.problem(first, item, message);
  report_problem(section.list(first).at(item), rest.substr(end + 1), message);
}

std::string dotted(const std::string& prefix, const std::string& key) {
  return prefix.empty() || key.empty() ? prefix + key : fmt::format("{}.{}", prefix, key);
}

}  // namespace concertina::detail
