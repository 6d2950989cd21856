// One option's value, whatever its type: read from a config, written as JSON, listed for people.
// The part of core/option_table.h that needs no template.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/bounds.h"
#include "core/config.h"
#include "core/enum_names.h"

namespace concertina {

// A line of the reference.
struct OptionRow {
  std::string key;  // from the root of the table that was listed: "stage1.batch.crops"
  std::string type;
  std::string default_value;         // JSON; "" where there is none
  std::optional<Bounds> bounds;      // of a number, of each item of a list, of both ends of a range
  std::vector<std::string> choices;  // accepted names; empty: not a choice
  std::string unit;                  // of measurement
  std::string help;
  bool is_number = false;  // a single one
};

namespace detail {

using Json = nlohmann::ordered_json;

struct EnumPointer {
  std::span<const std::string_view> names;
  std::function<int32_t()> get;
  std::function<void(int32_t)> set;
};

// Where an option's value lies in its struct.
using ValuePointer =
    std::variant<bool*, int32_t*, int64_t*, uint64_t*, double*, std::string*,
                 std::filesystem::path*, NumberRange*, std::vector<int32_t>*, std::vector<double>*,
                 std::vector<std::string>*, std::map<std::string, double>*, EnumPointer>;

struct OptionInfo {
  std::string key, help, unit;
  std::optional<Bounds> bounds;
  std::vector<std::string> choices;
  bool relative_to_file = false;
};

void read_value(const OptionInfo& info, const ValuePointer& value, ConfigSection& section);
void write_value(const OptionInfo& info, const ValuePointer& value, Json& object);
OptionRow row_of(const OptionInfo& info, const ValuePointer& value, const std::string& prefix);
Json& member_of(Json& object, const std::string& key);  // made when absent
std::string dump_object(const std::function<void(Json&)>& write);
// A JSON object with the members that it lacks, at any depth, and that `rewritten`, which is given
// the object as a config, returns. As it was where that is no JSON object.
std::string completed_object(const std::string& json,
                             const std::function<std::string(ConfigSection)>& rewritten);
// `key` may be that of a subsection: "mixing.probability".
void report_problem(ConfigSection section, const std::string& key, const std::string& message);
std::string dotted(const std::string& prefix, const std::string& key);

template <class T>
ValuePointer pointer_to(T& value) {
  if constexpr (std::is_enum_v<T>) {
    return EnumPointer{kEnumNames<T>, [&value] { return static_cast<int32_t>(value); },
                       [&value](int32_t index) { value = static_cast<T>(index); }};
  } else {
    return &value;
  }
}

}  // namespace detail

}  // namespace concertina
