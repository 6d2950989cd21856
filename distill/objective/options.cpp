#include "distill/objective/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "distill/objective/kind_of.h"
#include "distill/objective/layer_head.h"
#include "distill/objective/layer_mean.h"
#include "distill/objective/teacher_names.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

std::string kind_name(const ObjectiveOptions& options) {
  return Json::parse(options.json).at("kind").get<std::string>();
}

// The default of an option as the page prints it: that of `options` where they have the key.
void set_default(OptionRow& row, const std::string& key, const Json& options) {
  const auto found = options.find(key);
  if (found != options.end()) row.default_value = found->dump();
}

// A sum's objectives have teachers of their own.
void reject_names(ConfigSection section) {
  for (const OptionRow& row : teacher_names_table().list("", {})) {
    if (section.has(row.key)) {
      section.allow(row.key);
      section.problem(row.key, "expected in the objectives of the sum, not in the sum");
    }
  }
}

}  // namespace

ObjectiveOptions::ObjectiveOptions() : json(options_json<LayerMeanObjective>({})) {}

void read_objective(ConfigSection section, ObjectiveOptions& options) {
  const std::vector<std::string> names = objective_names();
  const std::string before = kind_name(options);
  auto chosen = static_cast<int32_t>(std::ranges::find(names, before) - names.begin());
  section.read_choice("kind", names, chosen);
  const std::string name = names.at(static_cast<size_t>(chosen));
  const ObjectiveKind& kind = objective_kind(name);
  NamedOptions read;
  if (name == before) read = split_names(options.json);
  if (name == "sum") {
    reject_names(section);
  } else {
    teacher_names_table().read(section, read.names);
  }
  read.kind_options = kind.read(std::move(section), name == before ? read.kind_options : "{}");
  options.json = joined_names(read);
}

std::vector<OptionRow> list_objectives(const std::string& prefix,
                                       const ObjectiveOptions& defaults) {
  const Json values = Json::parse(defaults.json);
  OptionRow kind{.key = detail::dotted(prefix, "kind"),
                 .type = "name",
                 .default_value = values.at("kind").dump(),
                 .choices = objective_names()};
  std::vector<OptionRow> rows;
  for (const ObjectiveKind& each : objective_kinds()) {
    kind.help += fmt::format("{}{}: {}", kind.help.empty() ? "" : "; ", each.name, each.help);
    for (OptionRow& row : each.list(prefix)) {
      if (each.name == values.at("kind").get_ref<const std::string&>()) {
        set_default(row, row.key.substr(prefix.empty() ? 0 : prefix.size() + 1), values);
      }
      row.help = fmt::format("{}: {}", each.name, row.help);
      rows.push_back(std::move(row));
    }
  }
  auto named = teacher_names_table().list(prefix, {});
  rows.insert(rows.begin(), named.begin(), named.end());
  rows.insert(rows.begin(), std::move(kind));
  return rows;
}

void write_objective(const ObjectiveOptions& options, detail::Json& into) {
  into = Json::parse(options.json);
}

std::optional<std::pair<std::string, std::string>> objective_problem(
    const ObjectiveOptions& options, std::span<const TeacherSize> teachers) {
  const auto [own, names] = split_names(options.json);
  if (const auto problem = names_problem(names, teachers)) return problem;
  const TeacherMean mean = mean_of_named(names, teachers);
  const ObjectiveKind& kind = objective_kind(kind_name(options));
  if (kind.name == "sum") return kind.problem(own, teachers);
  const size_t first =
      mean.teachers.empty() ? 0 : static_cast<size_t>(mean.teachers.front().teacher);
  const TeacherSize& teacher = teachers[first];
  if (kind.traits(own).reads_logits && teacher.units == 0) {
    return std::pair<std::string, std::string>(
        "kind",
        "needs the teacher's logits, but its file has no unit head: `model import` keeps HuBERT's "
        "where a checkpoint has final_proj and label_embs_concat");
  }
  return kind.problem(own, {&teacher, 1});
}

std::vector<std::string> named_teachers(const ObjectiveOptions& options) {
  std::vector<std::string> all;
  const auto add = [&](const Json& json) {
    auto names = split_names(json.dump()).names.teachers;
    if (names.empty()) names = {kFirstTeacher};
    for (const std::string& name : names) {
      if (std::ranges::count(all, name) == 0) all.push_back(name);
    }
  };
  const Json json = Json::parse(options.json);
  if (json.at("kind") != "sum") add(json);
  if (json.at("kind") == "sum") {
    for (const Json& summand : json.at("of")) add(summand);
  }
  return all;
}

ObjectiveTraits traits_of(const ObjectiveOptions& options) {
  const auto [own, names] = split_names(options.json);
  ObjectiveTraits traits = objective_kind(kind_name(options)).traits(own);
  traits.head_layer |= names.head_layer;
  return traits;
}

// Wrapped from the inside: the kind, the teachers' mean, the head layer.
std::string saved_objective(const std::string& options, const ObjectiveSizes& sizes) {
  const auto [own, names] = split_names(options);
  if (const auto problem = names_problem(names, sizes.teachers))
    throw InputError(fmt::format("objective.{}: {}", problem->first, problem->second));
  ObjectiveSizes inner = sizes;
  const TeacherMean mean = mean_of_named(names, sizes.teachers);
  if (!mean.teachers.empty()) inner = sizes_of_teachers(inner, mean);
  if (names.head_layer) ++inner.student_depth;
  const ObjectiveKind& kind = objective_kind(kind_name(ObjectiveOptions(own)));
  std::string saved = kind.with_sizes(own, inner);
  if (!mean.teachers.empty()) saved = with_teachers(saved, mean);
  return names.head_layer ? with_layer_head(saved, sizes.layer_head) : saved;
}

std::unique_ptr<Objective> make_objective(const ObjectiveOptions& options,
                                          const ObjectiveSizes& sizes) {
  return make_objective(saved_objective(options.json, sizes));
}

}  // namespace concertina
