// concertina config: the options of a pipeline file, from the tables that read them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/option_reference.h"
#include "apps/verb.h"
#include "core/errors.h"
#include "pipeline/pipeline_config.h"
#include "pipeline/text_table.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

struct ConfigArgs {
  std::string section;
  bool markdown = false;
};

bool lies_in(const std::string& key, const std::string& section) {
  return section.empty() || key == section || key.starts_with(section + ".");
}

std::vector<OptionRow> options_in(const std::string& section) {
  std::vector<OptionRow> rows;
  std::vector<std::string> names;
  for (const OptionRow& row : pipeline_options()) {
    for (size_t dot = row.key.find('.'); dot != std::string::npos; dot = row.key.find('.', dot + 1))
      names.push_back(row.key.substr(0, dot));
    names.push_back(row.key);
    if (lies_in(row.key, section)) rows.push_back(row);
  }
  if (rows.empty())
    throw InputError(
        fmt::format("no option is called '{}'{}", section, did_you_mean(section, names)));
  return rows;
}

Json json_of(const OptionRow& row) {
  Json json = {{"key", row.key}, {"type", row.type}};
  if (!row.default_value.empty()) json["default"] = Json::parse(row.default_value);
  if (row.bounds) json.update({{"low", row.bounds->low}, {"high", row.bounds->high}});
  if (!row.choices.empty()) json["choices"] = row.choices;
  if (!row.unit.empty()) json["unit"] = row.unit;
  json["help"] = row.help;
  return json;
}

void print_options(const ConfigArgs& args, const Globals& globals) {
  const std::vector<OptionRow> rows = options_in(args.section);
  if (globals.json) {
    Json json = Json::array();
    for (const OptionRow& row : rows) json.push_back(json_of(row));
    return fmt::print("{}\n", json.dump(1));
  }
  if (args.markdown) return fmt::print("{}", option_page(rows));
  std::vector<std::vector<std::string>> table = {{"key", "default", "accepts", "meaning"}};
  for (const OptionRow& row : rows)
    table.push_back({row.key, default_text(row), accepts_text(row), row.help});
  fmt::print("{}", text_table(table));
}

}  // namespace

void add_config_verb(CLI::App& app, Globals& globals) {
  auto args = std::make_shared<ConfigArgs>();
  CLI::App* verb =
      app.add_subcommand("config", "the options of a pipeline file and their defaults");
  verb->add_option("SECTION", args->section, "only these, e.g. stage1 or stage1.batch");
  verb->add_flag("--markdown", args->markdown, "as docs/config.md has them");
  verb->footer("Examples:\n  concertina config\n  concertina config stage1.optimizer");
  verb->callback([args, &globals] { print_options(*args, globals); });
}

}  // namespace concertina
