#include "pipeline/scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "pipeline/proxy_score.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

// Columns: a list for each member is a third of the length of a list of objects.
Json trials_json(const TaskScore& score) {
  Json first = Json::array(), second = Json::array(), target = Json::array(), value = Json::array();
  for (const VerificationTrial& trial : score.trials) {
    first.push_back(trial.first);
    second.push_back(trial.second);
    target.push_back(trial.target ? 1 : 0);
    value.push_back(trial.score);
  }
  return {{"clips", score.trial_clips},
          {"first", first},
          {"second", second},
          {"target", target},
          {"score", value}};
}

void read_trials(const Json& json, TaskScore& score) {
  score.trial_clips = json.at("clips");
  const size_t count = json.at("score").size();
  for (size_t i = 0; i < count; ++i) {
    const VerificationTrial trial{json.at("first").at(i), json.at("second").at(i),
                                  json.at("target").at(i).get<int64_t>() != 0,
                                  json.at("score").at(i)};
    if (std::min(trial.first, trial.second) < 0 ||
        std::max(trial.first, trial.second) >= score.trial_clips)
      throw InputError(fmt::format("trial {} names a clip that does not exist", i));
    score.trials.push_back(trial);
  }
}

Json score_json(const TaskScore& score, ClipScores clips) {
  Json json = {{"metric", score.metric},
               {"value", score.value},
               {"low", score.low},
               {"high", score.high},
               {"setting", score.setting}};
  if (!score.layers.empty()) json["layers"] = score.layers;
  if (clips == ClipScores::kNone) return json;
  if (!score.hits.empty()) {
    json["hits"] = score.hits;
    json["totals"] = score.totals;
  }
  if (!score.trials.empty()) json["trials"] = trials_json(score);
  return json;
}

double number_or_nan(const Json& json) {  // NaN is written as null
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

TaskScore read_score(const Json& json) {
  TaskScore score{.metric = json.at("metric"),
                  .value = number_or_nan(json.at("value")),
                  .low = number_or_nan(json.at("low")),
                  .high = number_or_nan(json.at("high")),
                  .setting = json.value("setting", "")};
  score.layers = json.value("layers", std::vector<double>());
  score.hits = json.value("hits", std::vector<double>());
  score.totals = json.value("totals", std::vector<double>());
  if (score.hits.size() != score.totals.size())
    throw InputError(fmt::format("hits and totals of {} differ in number", score.metric));
  if (json.contains("trials")) read_trials(json.at("trials"), score);
  return score;
}

Json task_json(const TaskData& task, ClipScores clips) {
  Json json = {{"task", task.task},
               {"content", task.content},
               {"training_clips", task.training_clips},
               {"training_seconds", task.training_seconds},
               {"scored_clips", task.scored_clips},
               {"scored_seconds", task.scored_seconds}};
  if (clips == ClipScores::kListed) json["scored_ids"] = task.scored_ids;
  return json;
}

TaskData read_task(const Json& json) {
  return {.task = json.at("task"),
          .content = json.at("content"),
          .training_clips = json.at("training_clips"),
          .scored_clips = json.at("scored_clips"),
          .training_seconds = json.at("training_seconds"),
          .scored_seconds = json.at("scored_seconds"),
          .scored_ids = json.value("scored_ids", std::vector<std::string>())};
}

// Computed from the scores, and so not read back.
Json proxy_json(const ProxyScores& proxy, const Scores& scores) {
  Json of_models = Json::object();
  for (size_t i = 0; i < scores.models.size(); ++i) {
    if (proxy.of_models[i]) of_models[scores.models[i].name] = *proxy.of_models[i];
  }
  return {{"baseline", proxy.baseline},
          {"ceiling", proxy.ceiling},
          {"metrics", proxy.metrics},
          {"left_out", proxy.left_out},
          {"scores", of_models}};
}

Split split_of(const std::string& name) {
  for (const Split split : {Split::kTrain, Split::kDev, Split::kTest}) {
    if (split_name(split) == name) return split;
  }
  throw InputError(fmt::format("'{}' is no split", name));
}

Scores read_all(const Json& json) {
  Scores scores{.split = split_of(json.value("split", "test")),
                .seed = json.value("seed", uint64_t{0}),
                .data = json.value("data", ""),
                .fidelity = json.value("fidelity", 1.0)};
  for (const Json& task : json.value("tasks", Json::array()))
    scores.tasks.push_back(read_task(task));
  const Json left_out = json.value("left_out", Json::object());
  for (const auto& [task, why] : left_out.items()) scores.left_out.emplace_back(task, why);
  for (const Json& model : json.at("models")) {
    ScoredModel& added = scores.models.emplace_back();
    added.name = model.at("name");
    added.architecture = model.value("architecture", "");
    added.params = model.value("params", int64_t{0});
    for (const Json& score : model.at("scores")) added.scores.push_back(read_score(score));
  }
  return scores;
}

}  // namespace

std::string to_json(const Scores& scores, ClipScores clips) {
  Json tasks = Json::array(), left_out = Json::object(), models = Json::array();
  for (const TaskData& task : scores.tasks) tasks.push_back(task_json(task, clips));
  for (const auto& [task, why] : scores.left_out) left_out[task] = why;
  for (const ScoredModel& model : scores.models) {
    Json of_model = Json::array();
    for (const TaskScore& score : model.scores) of_model.push_back(score_json(score, clips));
    models.push_back({{"name", model.name},
                      {"params", model.params},
                      {"architecture", model.architecture},
                      {"scores", of_model}});
  }
  Json json{{"split", split_name(scores.split)},
            {"seed", scores.seed},
            {"data", scores.data},
            {"fidelity", scores.fidelity},
            {"tasks", tasks},
            {"left_out", left_out},
            {"models", models}};
  if (const auto proxy = proxy_scores(scores)) json[kProxyScore] = proxy_json(*proxy, scores);
  return json.dump(1) + "\n";
}

Scores read_scores(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  try {
    return read_all(Json::parse(text));
  } catch (const Json::parse_error& error) {
    throw InputError(
        fmt::format("{}: not JSON, from byte {}; `concertina eval -o` writes files of scores",
                    file.string(), error.byte));
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("{} does not hold scores as `concertina eval -o` writes them: {}",
                                 file.string(), error.what()));
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", file.string(), error.what()));
  }
}

const TaskScore* find_score(const ScoredModel& model, const std::string& metric) {
  const auto found = std::ranges::find(model.scores, metric, &TaskScore::metric);
  return found == model.scores.end() ? nullptr : &*found;
}

const ScoredModel* find_model(const Scores& scores, const std::string& name) {
  const auto found = std::ranges::find(scores.models, name, &ScoredModel::name);
  return found == scores.models.end() ? nullptr : &*found;
}

std::vector<std::string> metrics_of(const Scores& scores) {
  std::vector<std::string> metrics;
  for (const ScoredModel& model : scores.models) {
    for (const TaskScore& score : model.scores) {
      if (std::ranges::count(metrics, score.metric) == 0) metrics.push_back(score.metric);
    }
  }
  return metrics;
}

}  // namespace concertina
