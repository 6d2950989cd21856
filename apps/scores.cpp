// concertina scores: what files of scores say beyond their tables.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/verb.h"
#include "core/errors.h"
#include "pipeline/paired_scores.h"
#include "pipeline/score_table.h"
#include "pipeline/superb_results.h"
#include "pipeline/text_table.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

struct CompareArgs {
  std::string first, second, model, other;
};

const ScoredModel& named_model(const Scores& scores, const std::string& file,
                               const std::string& name) {
  if (scores.models.empty()) throw InputError(file + ": no model in it");
  if (name.empty()) return scores.models.front();
  if (const ScoredModel* found = find_model(scores, name)) return *found;
  std::vector<std::string> names;
  for (const ScoredModel& model : scores.models) names.push_back(model.name);
  throw InputError(
      fmt::format("{}: no model is called '{}'{}", file, name, did_you_mean(name, names)));
}

Json difference_json(const ScoreDifference& of, const std::string& first,
                     const std::string& second) {
  return {{"metric", of.metric},
          {"first", first},
          {"second", second},
          {"first_value", of.first},
          {"second_value", of.second},
          {"difference", of.test.difference},
          {"low", of.test.interval.low},
          {"high", of.test.interval.high},
          {"p", of.test.p},
          {"clips", of.clips}};
}

std::vector<std::string> difference_row(const ScoreDifference& of, const std::string& first,
                                        const std::string& second) {
  const int32_t digits = score_digits(of.metric);
  return {of.metric,
          first,
          fmt::format("{:.{}f}", of.first, digits),
          second,
          fmt::format("{:.{}f}", of.second, digits),
          fmt::format("{:+.{}f} [{:+.{}f}, {:+.{}f}]", of.test.difference, digits,
                      of.test.interval.low, digits, of.test.interval.high, digits),
          fmt::format("{:.3f}", of.test.p),
          fmt::format("{}", of.clips)};
}

void compare(const CompareArgs& args, const Globals& globals) {
  const Scores a = read_scores(args.first);
  const Scores b = args.second.empty() ? a : read_scores(args.second);
  const ScoredModel& first = named_model(a, args.first, args.model);
  std::vector<const ScoredModel*> others;
  if (!args.second.empty() || !args.other.empty()) {
    others.push_back(&named_model(b, args.second.empty() ? args.first : args.second, args.other));
  } else {
    for (const ScoredModel& model : b.models) {
      if (model.name != first.name) others.push_back(&model);
    }
  }
  if (others.empty()) throw InputError(args.first + ": no second model to compare with");
  Json json = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"metric", "first", "", "second", "", "difference [95 %]", "p", "clips"}};
  for (const ScoredModel* other : others) {
    for (const ScoreDifference& of : paired_differences({&a, &first}, {&b, other})) {
      json.push_back(difference_json(of, first.name, other->name));
      rows.push_back(difference_row(of, first.name, other->name));
    }
  }
  fmt::print("{}", globals.json ? json.dump() + "\n" : text_table(rows));
}

void print_superb(const std::string& file, const Globals& globals) {
  Json json = Json::array();
  std::vector<std::vector<std::string>> rows = {{"model", "tasks", "superb_s", "overall"}};
  for (const auto& [model, results] : read_superb_results(file)) {
    const std::optional<double> overall = superb_overall(results);
    const std::optional<SuperbScore> score = superb_s(results);
    const int32_t tasks = score ? score->tasks : 0;
    json.push_back({{"model", model},
                    {"tasks", tasks},
                    {"superb_s", score ? Json(score->score) : Json()},
                    {"overall", overall ? Json(*overall) : Json()}});
    rows.push_back({model, fmt::format("{}", tasks),
                    score ? fmt::format("{:.1f}", score->score) : "-",
                    overall ? fmt::format("{:.2f}", *overall) : "-"});
  }
  fmt::print("{}", globals.json ? json.dump() + "\n" : text_table(rows));
}

void add_superb(CLI::App& group, Globals& globals) {
  CLI::App* verb = group.add_subcommand(
      "superb", "SUPERB's overall score and superb_s of results that were measured with s3prl");
  const auto file = std::make_shared<std::string>();
  globals.paths.reads(
      verb->add_option("RESULTS", *file,
                       "TSV with the columns model, PR, ASR, KS, QbE, SID, ASV, SD, IC, SF-F1, "
                       "SF-CER, ER, or JSON {MODEL: {METRIC: VALUE}}; in per cent, QbE at most 1")
          ->required());
  verb->footer(
      "superb_s is over the tasks that are given, overall needs all.\n"
      "Example:\n"
      "  concertina scores superb results.tsv");
  verb->callback([file, &globals] { print_superb(*file, globals); });
}

void add_compare(CLI::App& group, Globals& globals) {
  CLI::App* verb =
      group.add_subcommand("compare", "paired bootstrap tests of two models on the same clips");
  const auto args = std::make_shared<CompareArgs>();
  globals.paths.reads(
      verb->add_option("SCORES", args->first, "JSON of concertina eval --clips")->required());
  globals.paths.reads(verb->add_option("OTHER", args->second,
                                       "a second such file; without it, the models of the first"));
  verb->add_option("--model", args->model, "name of the first model; the first of SCORES");
  verb->add_option("--other", args->other,
                   "name of the second model; the first of OTHER, or all others of SCORES");
  verb->footer(
      "The files are those of `concertina eval MODEL --clips -o FILE`.\n"
      "Examples:\n"
      "  concertina scores compare a.json\n"
      "  concertina scores compare a.json b.json");
  verb->callback([args, &globals] { compare(*args, globals); });
}

}  // namespace

void add_scores_verbs(CLI::App& app, Globals& globals) {
  CLI::App* group =
      app.add_subcommand("scores", "compare scores of models, SUPERB's summary scores");
  group->require_subcommand(1);
  add_compare(*group, globals);
  add_superb(*group, globals);
}

}  // namespace concertina
