// concertina model sort
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/verb.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "distill/importance/sort.h"
#include "pipeline/sort_comparison.h"
#include "pipeline/text_table.h"
#include "supernet/model/model_file.h"
#include "supernet/space/unit_axes.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

struct SortFlags {
  std::string model, out, data, objective, teacher;
  SortOptions options;
};

// How the units of a group are reordered; see order_by.
std::string describe_order(const UnitGroup& group, const SearchSpace& space) {
  const PositionalConv& conv = space.blueprint().positional;
  if (group.kind == UnitKind::kEmbed) {
    if (conv.kernel == 0) return "best first";
    const std::string within =
        fmt::format("within the {} groups of the positional conv", conv.groups);
    return conv.interleaved ? within : within + ", which move as blocks";
  }
  if (group.kind == UnitKind::kFfn && space.storage().rule == SlicingRule::kLightHubert) {
    return "to the places that LightHuBERT's interleaved rule keeps most often";
  }
  return group.kind == UnitKind::kRate ? "best first, by magnitude" : "best first";
}

int64_t moved(const std::vector<int64_t>& order) {
  int64_t count = 0;
  for (size_t place = 0; place < order.size(); ++place) {
    count += order[place] != static_cast<int64_t>(place) ? 1 : 0;
  }
  return count;
}

std::vector<std::string> left_alone(const Supernet& model) {
  std::vector<std::string> left;
  if (model.weights().contains("rate.conv.weight") &&
      model.blueprint().front_end == FrontEndKind::kLogMel) {
    left.emplace_back("rate: its channels are the log-mel features', which no subnet shortens");
  }
  const Blueprint& blueprint = model.blueprint();
  if (is_tied(blueprint, UnitKind::kHeads)) {
    left.emplace_back(blueprint.attention_reuse.empty()
                          ? "heads: all layers share one position bias, a column for each head"
                          : "heads: layers reuse each other's attention maps");
  }
  if (is_tied(blueprint, UnitKind::kEmbed)) {
    left.emplace_back("embed: the gate of the position bias reads its channels head by head");
  }
  return left;
}

Json groups_json(const SortResult& sorted) {
  Json groups = Json::array();
  for (const auto& [group, order] : sorted.orders) {
    groups.push_back({{"units", name_of(group)},
                      {"count", order.size()},
                      {"moved", moved(order)},
                      {"how", describe_order(group, sorted.model.space())}});
  }
  return groups;
}

void print_text(const Json& json) {
  std::vector<std::vector<std::string>> rows = {{"units", "count", "moved", "how"}};
  for (const auto& group : json["groups"]) {
    rows.push_back(
        {group["units"].get<std::string>(), std::to_string(group["count"].get<int64_t>()),
         std::to_string(group["moved"].get<int64_t>()), group["how"].get<std::string>()});
  }
  fmt::print("{}", text_table(rows));
  for (const auto& left : json["left_alone"])
    fmt::print("left alone: {}\n", left.get<std::string>());
  fmt::print("the full network's output changed by {:.1e} of its largest value\n",
             json["change"].get<double>());
  if (json.contains("distill.l1")) {
    rows = {{"distill.l1 on dev", "before", "after", "architecture"}};
    for (const auto& row : json["distill.l1"]) {
      rows.push_back({row["name"].get<std::string>(),
                      fmt::format("{:.4f}", row["before"].get<double>()),
                      fmt::format("{:.4f}", row["after"].get<double>()),
                      row["architecture"].get<std::string>()});
    }
    fmt::print("{}", text_table(rows));
  }
  for (const auto& file : json["files"]) fmt::print("written to {}\n", file.get<std::string>());
}

SortOptions options_of(const SortFlags& flags, const Globals& globals) {
  SortOptions options = flags.options;
  options.seed = globals.seed;
  return options;
}

void sort_model(const SortFlags& flags, const Globals& globals) {
  const Supernet model = load_model(flags.model, Reading::kCopied);
  std::filesystem::path objective = flags.objective;
  if (objective.empty())
    objective = std::filesystem::path(flags.model).parent_path() / "objective.safetensors";
  const auto heads = std::filesystem::path(flags.out).replace_extension(".objective.safetensors");
  OutputCheck({flags.model, objective, flags.teacher})(heads, FileKind::kHeads);
  std::optional<TrainedObjective> trained;
  if (!flags.objective.empty() || std::filesystem::exists(objective))
    trained = load_objective(objective);
  std::optional<Supernet> teacher;
  if (!flags.teacher.empty()) teacher = load_model(flags.teacher, Reading::kCopied);
  std::optional<Manifest> manifest;
  if (!flags.data.empty()) manifest = read_manifest(flags.data);

  const SortResult sorted =
      sort_units(options_of(flags, globals), {.model = model,
                                              .trained = trained ? &*trained : nullptr,
                                              .teacher = teacher ? &*teacher : nullptr,
                                              .manifest = manifest ? &*manifest : nullptr});
  Json json = {{"score", enum_name(flags.options.score)},
               {"groups", groups_json(sorted)},
               {"left_alone", left_alone(model)},
               {"change", sorted.change}};
  if (teacher && trained && manifest) {
    for (const SortComparison& row :
         compare_sorted(model, sorted, *teacher, objective, *manifest)) {
      json["distill.l1"].push_back({{"name", row.name},
                                    {"architecture", row.architecture},
                                    {"before", row.before},
                                    {"after", row.after}});
    }
  }
  save_model(sorted.model, flags.out);
  json["files"] = {flags.out};
  if (trained) {
    save_objective(*trained->objective, sorted.heads, trained->state, heads);
    json["files"].push_back(heads.string());
  }
  if (globals.json)
    fmt::print("{}\n", json.dump(2));
  else
    print_text(json);
}

}  // namespace

void add_sort_verb(CLI::App& model, Globals& globals) {
  auto flags = std::make_shared<SortFlags>();
  CLI::App* sort = model.add_subcommand(
      "sort",
      "reorder heads, channels and FFN neurons by importance, so that slicing keeps the best");
  sort->footer(
      "Examples:\n"
      "  concertina model sort runs/quickstart/stage1/model.safetensors -o sorted.safetensors "
      "--data "
      "data/manifest.tsv\n"
      "  concertina model sort runs/quickstart/stage1/model.safetensors -o sorted.safetensors "
      "--data "
      "data/manifest.tsv --score taylor --teacher runs/quickstart/teacher/model.safetensors");
  globals.paths.reads(
      sort->add_option("MODEL", flags->model, "model file (.safetensors)")->required());
  globals.paths.writes(
      *sort,
      sort->add_option("-o,--out,--output", flags->out,
                       "model file to write; heads go to NAME.objective.safetensors next to it")
          ->required(),
      FileKind::kModel);
  add_choice(*sort, "--score", flags->options.score, "importance score");
  globals.paths.reads(sort->add_option("--data", flags->data,
                                       "manifest whose training clips importance is measured on"));
  add_number(*sort, "--seconds", flags->options.seconds, kSortSeconds, "seconds of training audio")
      ->capture_default_str();
  globals.paths.reads(sort->add_option(
      "--objective", flags->objective,
      "heads trained with the model (default: objective.safetensors next to it, if it exists)"));
  globals.paths.reads(sort->add_option(
      "--teacher", flags->teacher,
      "teacher, which taylor needs; with it, subnets are scored on dev before and after"));
  sort->callback([flags, &globals] { sort_model(*flags, globals); });
}

}  // namespace concertina
