#include <nlohmann/json.hpp>

#include "study/latency/point_json.h"
#include "study/study_file.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

// Parsed JSON text; null when it is invalid.
Json parsed(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json() : json;
}

// NaN is written as null. Measured times are left out without `with_times`.
Json to_json(const std::map<std::string, double>& values, bool with_times) {
  Json json = Json::object();
  for (const auto& [name, value] : values)
    if (with_times || !is_measured_time(name)) json[name] = value;
  return json;
}

Json to_json(const std::vector<MetricInfo>& metrics) {
  Json json = Json::array();
  for (const MetricInfo& m : metrics) {
    json.push_back(
        {{"name", m.name}, {"direction", direction_name(m.direction)}, {"unit", m.unit}});
  }
  return json;
}

Json to_json(const StudyHeader& header, bool with_times) {
  Json json = {{"seed", header.seed}, {"space", parsed(header.space_json)}, {"data", header.data}};
  if (with_times) {
    json["model"] = {{"path", model_record(header).path}, {"sha256", model_record(header).sha256}};
    json["config"] = header.config;
    json["versions"] = parsed(header.versions);
    json["device"] = header.device;
  }
  json["objectives"] = to_json(header.objectives);
  json["recorded"] = to_json(header.recorded);
  json["bounds"] = Json::array();
  for (const auto& [metric, low, high] : header.bounds)
    json["bounds"].push_back({{"metric", metric}, {"low", low}, {"high", high}});
  json["settings"] = header.settings;
  if (with_times) json["fingerprints"] = header.fingerprints;  // of the CPU and LibTorch too
  return json;
}

Json to_json(const Trial& t, bool with_times) {
  Json json = {
      {"trial", t.number},  {"generation", t.generation}, {"architecture", t.architecture.key()},
      {"genome", t.genome}, {"fidelity", t.fidelity},     {"state", state_name(t.state)}};
  if (!t.error.empty()) json["error"] = t.error;
  if (with_times) json["worker"] = t.worker, json["wall_s"] = t.wall_s;
  json["values"] = to_json(t.values, with_times);
  return json;
}

Json to_json(const GenerationRecord& g) {
  return {{"generation", g.number},
          {"hypervolume", g.hypervolume},
          {"evaluator", g.evaluator},
          {"searcher", parsed(g.searcher_state)}};
}

Json to_json(const PendingGeneration& pending) {
  Json json = {{"generation", pending.record.number},
               {"searcher", parsed(pending.record.searcher_state)},
               {"proposals", Json::array()}};
  for (const Proposal& p : pending.proposals) {
    json["proposals"].push_back({{"trial", p.number},
                                 {"architecture", p.architecture.key()},
                                 {"genome", p.genome},
                                 {"fidelity", p.fidelity}});
  }
  return json;
}

Json to_json(const TestLook& look, bool with_times) {
  Json json = Json::object();
  if (with_times) {
    json = {{"date", look.date},
            {"fingerprint", look.fingerprint},
            {"scored_with", parsed(look.scored_with)}};
  }
  json["members"] = Json::array();
  for (const FrontScore& member : look.members) {
    Json scores = Json::object();
    for (const auto& [name, score] : member.scores) {
      scores[name] = {{"value", score.value},
                      {"low", score.low},
                      {"high", score.high},
                      {"setting", score.setting}};
    }
    json["members"].push_back({{"architecture", member.architecture.key()}, {"scores", scores}});
  }
  return json;
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// One record per line: a study of many trials is never held as one tree.
template <class Items, class ToJson>
std::string lines(const char* name, const Items& items, const ToJson& to_json) {
  std::string out = std::string(",\n\"") + name + "\": [";
  const char* separator = "\n";
  for (const auto& item : items) {
    out += separator + text_of(to_json(item));
    separator = ",\n";
  }
  return out + "]";
}

}  // namespace

std::string StudyFile::dump_json(bool with_times) const {
  std::string out = "{\"study\": " + text_of(to_json(header(), with_times));
  if (const auto model = latency_model())
    out += ",\n\"latency_model\": " + text_of({{"sha256", model->sha256}});
  out += lines("trials", trials(), [&](const Trial& t) { return to_json(t, with_times); });
  out += lines("generations", generations(), [](const GenerationRecord& g) { return to_json(g); });
  if (const auto pending = pending_generation())
    out += ",\n\"pending_generation\": " + text_of(to_json(*pending));
  out += lines("looks", dumped_looks(with_times),
               [&](const TestLook& look) { return to_json(look, with_times); });
  if (with_times) {
    out += lines("latency_points", latency_points(), latency_point_json);
    out += lines("fresh_times", fresh_times(), [](const FreshTime& fresh) {
      Json json = latency_point_json(fresh.time);
      json["date"] = fresh.date;
      return json;
    });
    out += lines("latency_checks", latency_checks(), [](const LatencyCheck& c) {
      return Json{{"date", c.date}, {"times", c.times}, {"outside", c.outside}, {"scale", c.scale}};
    });
    out += lines("artefacts", artefacts(), [](const Artefact& a) {
      return Json{{"name", a.name}, {"path", a.path}, {"sha256", a.sha256}};
    });
  }
  return out + "}\n";
}

}  // namespace concertina
