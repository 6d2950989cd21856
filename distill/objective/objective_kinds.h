// The kinds of objectives: one table serves the options of a pipeline file and saved objectives. Tables
// are immutable: thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/option_table.h"
#include "distill/objective/layer_head_sizes.h"
#include "distill/objective/objective.h"
#include "distill/objective/options.h"
#include "distill/objective/teacher_size.h"

namespace concertina {

// What an objective's sizes follow from.
struct ObjectiveSizes {
  std::vector<TeacherSize> teachers;
  int32_t student_depth = 0, student_dim = 0;  // of the supernet's storage
  int32_t student_head_dim = 0;
  int32_t units = 0;  // clusters; 0: the stage has no units
  LayerHeadSizes layer_head = {};
};

// JSON objects are texts here. "options": the keys of a pipeline file, all of them, in the order of
// their table. "saved": those and sizes; what Objective::to_json() gives.
struct ObjectiveKind {
  std::string_view name, help;
  // Options of a section of a pipeline file over `defaults` (options, or "{}": the kind's own). Other
  // keys of the section stay unread. Problems are remembered by its file.
  std::function<std::string(ConfigSection section, const std::string& defaults)> read;
  std::function<std::vector<OptionRow>(const std::string& prefix)> list;
  // The key of an option that does not fit these teachers, and why; sums have more than one.
  std::function<std::optional<std::pair<std::string, std::string>>(
      const std::string& options, std::span<const TeacherSize> teachers)>
      problem;
  std::function<ObjectiveTraits(const std::string& options)> traits;
  std::function<std::string(const std::string& options, const ObjectiveSizes& sizes)> with_sizes;
  std::function<std::unique_ptr<Objective>(const std::string& saved)> make;  // InputError
};

const std::vector<ObjectiveKind>& objective_kinds();
// InputError with the nearest name.
const ObjectiveKind& objective_kind(std::string_view name);
std::vector<std::string> objective_names();

// The key of an option that does not fit these teachers, at least one, and why: "top", "teachers",
// "of.1.teacher_layers".
std::optional<std::pair<std::string, std::string>> objective_problem(
    const ObjectiveOptions& options, std::span<const TeacherSize> teachers);
// The teachers that it learns from, each once: only the first where it names none.
std::vector<std::string> named_teachers(const ObjectiveOptions& options);
// What Objective::to_json() gives. InputError when options and sizes do not fit.
std::string saved_objective(const std::string& options, const ObjectiveSizes& sizes);

// Options in `section` override those in `options`; with another kind, that kind's defaults.
void read_objective(ConfigSection section, ObjectiveOptions& options);
std::vector<OptionRow> list_objectives(const std::string& prefix, const ObjectiveOptions& defaults);
void write_objective(const ObjectiveOptions& options, detail::Json& into);

// The subsection `key` of a stage's table.
template <class S>
Option<S> objective_option(std::string key, ObjectiveOptions S::* member) {
  using detail::OptionInfo;
  return {std::move(key),
          "",
          {.read = [member](const OptionInfo& info, ConfigSection& at,
                            S& o) { read_objective(at.section(info.key), o.*member); },
           .write =
               [member](const OptionInfo& info, S& o, detail::Json& json) {
                 write_objective(o.*member, detail::member_of(json, info.key));
               },
           .list =
               [member](const OptionInfo& info, S& o, const std::string& prefix,
                        std::vector<OptionRow>& rows) {
                 auto more = list_objectives(detail::dotted(prefix, info.key), o.*member);
                 rows.insert(rows.end(), more.begin(), more.end());
               }}};
}

// InputError when options and sizes do not fit.
std::unique_ptr<Objective> make_objective(const ObjectiveOptions& options,
                                          const ObjectiveSizes& sizes);

// An objective from what Objective::to_json() gave, of this version or an older one. InputError.
std::unique_ptr<Objective> make_objective(const std::string& saved);

}  // namespace concertina
