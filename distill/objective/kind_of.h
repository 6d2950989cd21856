// Makes an ObjectiveKind from a class of objectives: internal to the table of kinds. The class O has
//
//   using Spec = ...;                                    // options and sizes: a value
//   static const OptionTable<Spec>& options();           // keys of a pipeline file
//   static const OptionTable<Spec>& sizes();             // what saved objectives have besides
//   static void set_sizes(Spec&, const ObjectiveSizes&);
//   static std::optional<std::pair<std::string, std::string>> problem(const Spec&,
//                                                                     int32_t teacher_depth);
//   explicit O(const Spec&);
//   static constexpr std::string_view kName;
//   static constexpr ObjectiveTraits kTraits = {...};  // where the defaults do not hold
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/option_table.h"
#include "distill/objective/objective_kinds.h"

namespace concertina {

// Reads the keys of a JSON object with option tables: InputError for an unknown key, but "kind".
void read_json(const std::string& json, const std::function<void(ConfigSection)>& read);
// {"kind": kind} and the members of JSON objects, in this order or sorted by key.
std::string joined_json(std::string_view kind, const std::vector<std::string>& objects);
std::string sorted_json(std::string_view kind, const std::vector<std::string>& objects);

template <class O>
typename O::Spec spec_of(const std::string& json) {
  typename O::Spec spec;
  read_json(json, [&](const ConfigSection& section) {
    O::options().read(section, spec);
    O::sizes().read(section, spec);
  });
  return spec;
}

// Of a saved objective: its sizes must be there, options that came later need not.
template <class O>
typename O::Spec saved_spec(const std::string& json) {
  read_json(json, [](ConfigSection section) {
    for (const std::string& key : section.keys()) section.allow(key);
    for (const OptionRow& row : O::sizes().list("", {})) {
      if (!section.has(row.key)) section.problem(row.key, "is missing");
    }
  });
  return spec_of<O>(json);
}

template <class O>
std::string saved_json(const typename O::Spec& spec) {
  return sorted_json(O::kName,
                     {O::options().fingerprint_json(spec), O::sizes().fingerprint_json(spec)});
}

template <class O>
std::string options_json(const typename O::Spec& spec) {
  return joined_json(O::kName, {O::options().fingerprint_json(spec)});
}

template <class O>
ObjectiveKind kind_of(std::string_view help) {
  ObjectiveKind kind{.name = O::kName, .help = help};
  kind.read = [](ConfigSection section, const std::string& defaults) {
    typename O::Spec spec = spec_of<O>(defaults);
    O::options().read(std::move(section), spec);
    return options_json<O>(spec);
  };
  kind.list = [](const std::string& prefix) { return O::options().list(prefix, {}); };
  kind.problem = [](const std::string& options, std::span<const TeacherSize> teachers) {
    return O::problem(spec_of<O>(options), teachers.front().depth);
  };
  kind.traits = [](const std::string&) {
    if constexpr (requires { O::kTraits; }) return O::kTraits;
    return ObjectiveTraits{};
  };
  kind.with_sizes = [](const std::string& options, const ObjectiveSizes& sizes) {
    typename O::Spec spec = spec_of<O>(options);
    O::set_sizes(spec, sizes);
    return saved_json<O>(spec);
  };
  kind.make = [](const std::string& saved) -> std::unique_ptr<Objective> {
    return std::make_unique<O>(saved_spec<O>(saved));
  };
  return kind;
}

}  // namespace concertina
