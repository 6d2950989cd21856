// The options of a struct, described once: an OptionTable reads them from a config, writes them as
// JSON for the config fingerprint and lists them for `concertina config` and docs/config.md.
// Defaults are those of the struct.
//
//   const OptionTable<MaskOptions>& mask_table() {
//     using O = MaskOptions;
//     static const OptionTable<O> table = {
//         option("probability", &O::probability, "of a frame to start a mask").within({0, 0.99}),
//         option("length", &O::length, "of one mask").within({1, 10000}).unit("frames"),
//     };
//     return table;
//   }
//   mask_table().read(section, options);
//
// Tables are immutable: threads may share them.
#pragma once

#include <functional>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/option_value.h"

namespace concertina {

// One key of a section: a value, or a subsection with a table of its own. Made by the functions
// below; the chained attributes apply to values, the last six to subsections too.
template <class S>
class Option {
 public:
  using Predicate = std::function<bool(const S&)>;
  using SectionPredicate = std::function<bool(const S&, const ConfigSection&)>;

  Option&& within(Bounds bounds) && { return info_.bounds = bounds, std::move(*this); }
  Option&& unit(std::string text) && { return info_.unit = std::move(text), std::move(*this); }
  Option&& one_of(std::vector<std::string> names) && {
    return info_.choices = std::move(names), std::move(*this);
  }
  template <NamedEnum E>
  Option&& among(std::initializer_list<E> values) && {
    for (const E value : values) info_.choices.emplace_back(enum_name(value));
    return std::move(*this);
  }
  // A relative path starts at the config file's folder.
  Option&& relative_to_file() && { return info_.relative_to_file = true, std::move(*this); }

  // Runs once the key was read, given or not: sets what follows from it.
  Option&& then(std::function<void(S&)> action) && {
    return then_ = std::move(action), std::move(*this);
  }
  // Reports problems once the whole section was read.
  Option&& check(std::function<void(const S&, ConfigSection)> check) && {
    checks_.push_back(std::move(check));
    return std::move(*this);
  }
  // A problem at this key, or at `key`, unless `holds`.
  Option&& require(SectionPredicate holds, const std::string& message, std::string key = "") && {
    if (key.empty()) key = info_.key;
    return std::move(*this).check([=](const S& o, const ConfigSection& section) {
      if (!holds(o, section)) detail::report_problem(section, key, message);
    });
  }
  Option&& require(Predicate holds, const std::string& message, const std::string& key = "") && {
    return std::move(*this).require([=](const S& o, const ConfigSection&) { return holds(o); },
                                    message, key);
  }
  // Left out of the config fingerprint: a run may resume with another value.
  Option&& not_in_fingerprint() && {
    return std::move(*this).in_fingerprint_if([](const S&) { return false; });
  }
  Option&& in_fingerprint_if(Predicate written) && {
    return written_ = std::move(written), std::move(*this);
  }
  // Written to the fingerprint here, read and listed elsewhere in the table.
  Option&& only_in_fingerprint() && { return hidden_ = true, std::move(*this); }

  struct Functions {
    std::function<void(const detail::OptionInfo&, ConfigSection&, S&)> read;
    std::function<void(const detail::OptionInfo&, S&, detail::Json&)> write;
    std::function<void(const detail::OptionInfo&, S&, const std::string& prefix,
                       std::vector<OptionRow>&)>
        list;
  };
  Option(std::string key, std::string help, Functions functions)
      : functions_(std::move(functions)) {
    info_.key = std::move(key);
    info_.help = std::move(help);
  }

 private:
  friend class OptionTable<S>;
  detail::OptionInfo info_;
  Functions functions_;
  Predicate written_;
  std::function<void(S&)> then_;
  std::vector<std::function<void(const S&, ConfigSection)>> checks_;
  bool hidden_ = false;
};

template <class S>
class OptionTable {
 public:
  OptionTable(std::initializer_list<Option<S>> options) : options_(options) {}

  // `values` come with the defaults. Problems are remembered by the section's file.
  void read(ConfigSection section, S& values) const {
    for (const Option<S>& option : options_) {
      if (!option.hidden_) option.functions_.read(option.info_, section, values);
      if (option.then_) option.then_(values);
    }
    for (const Option<S>& option : options_) {
      for (const auto& check : option.checks_) check(values, section);
    }
  }

  // What belongs to the config fingerprint, in the table's order, as JSON.
  std::string fingerprint_json(S values) const {
    return detail::dump_object([&](detail::Json& json) { write(values, json); });
  }

  // Such JSON of an earlier version, with the values that options which it lacks have by default.
  // What it has stays as it is, valid or not.
  std::string completed_json(const std::string& json, const S& defaults) const {
    return detail::completed_object(json, [&](ConfigSection section) {
      S values = defaults;
      read(std::move(section), values);
      return fingerprint_json(std::move(values));
    });
  }

  std::vector<OptionRow> list(const std::string& prefix, S defaults) const {
    std::vector<OptionRow> rows;
    append_rows(prefix, defaults, rows);
    return rows;
  }

  void write(S& values, detail::Json& object) const {
    for (const Option<S>& option : options_) {
      const bool written = !option.written_ || option.written_(values);
      if (written) option.functions_.write(option.info_, values, object);
    }
  }
  void append_rows(const std::string& prefix, S& defaults, std::vector<OptionRow>& rows) const {
    for (const Option<S>& option : options_) {
      if (!option.hidden_) option.functions_.list(option.info_, defaults, prefix, rows);
    }
  }

 private:
  std::vector<Option<S>> options_;
};

// A value: bool, int32_t, int64_t, uint64_t, double, text, path, NumberRange, a list of integers,
// numbers or names, numbers by name, or an enum with names.
template <class S, class T>
Option<S> option(std::string key, T S::* member, std::string help) {
  using detail::OptionInfo;
  return {
      std::move(key),
      std::move(help),
      {.read = [member](const OptionInfo& info, ConfigSection& section,
                        S& o) { detail::read_value(info, detail::pointer_to(o.*member), section); },
       .write =
           [member](const OptionInfo& info, S& o, detail::Json& json) {
             detail::write_value(info, detail::pointer_to(o.*member), json);
           },
       .list =
           [member](const OptionInfo& info, S& o, const std::string& prefix,
                    std::vector<OptionRow>& rows) {
             rows.push_back(detail::row_of(info, detail::pointer_to(o.*member), prefix));
           }}};
}

// A subsection whose keys are members of the same struct.
template <class S>
Option<S> subsection(std::string key, OptionTable<S> table) {
  using detail::OptionInfo;
  return {
      std::move(key),
      "",
      {.read = [table](const OptionInfo& info, ConfigSection& at,
                       S& o) { table.read(at.section(info.key), o); },
       .write = [table](const OptionInfo& info, S& o,
                        detail::Json& json) { table.write(o, detail::member_of(json, info.key)); },
       .list =
           [table](const OptionInfo& info, S& o, const std::string& prefix,
                   std::vector<OptionRow>& rows) {
             table.append_rows(detail::dotted(prefix, info.key), o, rows);
           }}};
}

// A member with a table of its own, whose keys stand among those of `S`.
template <class S, class T>
Option<S> flattened(T S::* member, OptionTable<T> table) {
  using detail::OptionInfo;
  return {
      "",
      "",
      {.read = [member, table](const OptionInfo&, ConfigSection& at,
                               S& o) { table.read(at, o.*member); },
       .write = [member, table](const OptionInfo&, S& o,
                                detail::Json& json) { table.write(o.*member, json); },
       .list = [member, table](
                   const OptionInfo&, S& o, const std::string& prefix,
                   std::vector<OptionRow>& rows) { table.append_rows(prefix, o.*member, rows); }}};
}

// A member with a table of its own in a subsection.
template <class S, class T>
Option<S> subsection(std::string key, T S::* member, OptionTable<T> table) {
  return subsection(std::move(key), OptionTable<S>{flattened(member, std::move(table))});
}

// The same, of a member that is there only where the config has the subsection.
template <class S, class T>
Option<S> subsection(std::string key, std::optional<T> S::* member, OptionTable<T> table) {
  using detail::OptionInfo;
  return {std::move(key),
          "",
          {.read =
               [member, table](const OptionInfo& info, ConfigSection& at, S& o) {
                 if (at.has(info.key)) table.read(at.section(info.key), (o.*member).emplace());
               },
           .write =
               [member, table](const OptionInfo& info, S& o, detail::Json& json) {
                 if (o.*member) table.write(*(o.*member), detail::member_of(json, info.key));
               },
           .list =
               [table](const OptionInfo& info, S&, const std::string& prefix,
                       std::vector<OptionRow>& rows) {
                 T defaults;
                 table.append_rows(detail::dotted(prefix, info.key), defaults, rows);
               }}};
}

// A key that is listed here and read by hand. `type` says what it takes.
template <class S>
Option<S> described(std::string key, std::string type, std::string help) {
  using detail::OptionInfo;
  return {std::move(key),
          std::move(help),
          {.read = [](const OptionInfo&, ConfigSection&, S&) {},
           .write = [](const OptionInfo&, S&, detail::Json&) {},
           .list =
               [type](const OptionInfo& info, S&, const std::string& prefix,
                      std::vector<OptionRow>& rows) {
                 rows.push_back(
                     {.key = detail::dotted(prefix, info.key), .type = type, .help = info.help});
               }}};
}

}  // namespace concertina
