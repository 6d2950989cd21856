#include "distill/objective/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "distill/objective/kind_of.h"
#include "distill/objective/layer_mean.h"

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

}  // namespace

ObjectiveOptions::ObjectiveOptions() : json(options_json<LayerMeanObjective>({})) {}

void read_objective(ConfigSection section, ObjectiveOptions& options) {
  const std::vector<std::string> names = objective_names();
  const std::string before = kind_name(options);
  auto chosen = static_cast<int32_t>(std::ranges::find(names, before) - names.begin());
  section.read_choice("kind", names, chosen);
  const std::string name = names.at(static_cast<size_t>(chosen));
  const ObjectiveKind& kind = objective_kind(name);
  options.json = kind.read(std::move(section), name == before ? options.json : "{}");
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
  rows.insert(rows.begin(), std::move(kind));
  return rows;
}

void write_objective(const ObjectiveOptions& options, detail::Json& into) {
  into = Json::parse(options.json);
}

std::optional<std::pair<std::string, std::string>> objective_problem(
    const ObjectiveOptions& options, int32_t teacher_depth) {
  return objective_kind(kind_name(options)).problem(options.json, teacher_depth);
}

ObjectiveTraits traits_of(const ObjectiveOptions& options) {
  return objective_kind(kind_name(options)).traits(options.json);
}

std::unique_ptr<Objective> make_objective(const ObjectiveOptions& options,
                                          const ObjectiveSizes& sizes) {
  const ObjectiveKind& kind = objective_kind(kind_name(options));
  return kind.make(kind.with_sizes(options.json, sizes));
}

}  // namespace concertina
