#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "study/study_file.h"

namespace concertina {
namespace {

// Text may hold line breaks; one record is one line.
std::string one_line(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '"' || c == '\\')
      (out += '\\') += c;
    else
      out += c;
  }
  return out + '"';
}

std::string number(double value) { return fmt::format("{:.17g}", value); }

std::string values_text(const std::map<std::string, double>& values, bool with_times) {
  std::string out;
  for (const auto& [name, value] : values) {
    if (with_times || !is_measured_time(name)) out += fmt::format(" {}={}", name, number(value));
  }
  return out;
}

std::string look_text(const TestLook& look, bool with_times) {
  std::string out = "look";
  if (with_times) {
    out += fmt::format(" date={} fingerprint={} scored_with={}", one_line(look.date),
                       one_line(look.fingerprint), one_line(look.scored_with));
  }
  out += '\n';
  for (const FrontScore& member : look.members) {
    out += fmt::format("front architecture={}", one_line(member.architecture.key()));
    for (const auto& [name, score] : member.scores) {
      out += fmt::format(" {}={}", name, number(score.value));
      if (!std::isnan(score.low))
        out += fmt::format(" [{}, {}]", number(score.low), number(score.high));
      if (!score.setting.empty()) out += " " + one_line(score.setting);
    }
    out += '\n';
  }
  return out;
}

std::string metrics_text(std::string_view role, const std::vector<MetricInfo>& metrics) {
  std::string out;
  for (const MetricInfo& m : metrics) {
    out +=
        fmt::format("{} {} {} {}\n", role, m.name, direction_name(m.direction), one_line(m.unit));
  }
  return out;
}

std::string header_text(const StudyHeader& header, bool with_times) {
  std::string out = fmt::format("seed {}\nspace {}\ndata {}\n", header.seed,
                                one_line(header.space_json), one_line(header.data));
  if (with_times) {
    out += fmt::format("model {}\nconfig {}\nversions {}\ndevice {}\n", one_line(header.model),
                       one_line(header.config), one_line(header.versions), one_line(header.device));
  }
  out += metrics_text("objective", header.objectives) + metrics_text("recorded", header.recorded);
  for (const auto& [metric, low, high] : header.bounds)
    out += fmt::format("bound {} {} {}\n", metric, number(low), number(high));
  for (const auto& [name, value] : header.settings)
    out += fmt::format("setting {}={}\n", name, one_line(value));
  if (!with_times) return out;  // a score also depends on the CPU and LibTorch
  for (const auto& [metric, facts] : header.fingerprints) {
    out += fmt::format("fingerprint {}", metric);
    for (const auto& [name, value] : facts) out += fmt::format(" {}={}", name, one_line(value));
    out += '\n';
  }
  return out;
}

std::string trial_text(const Trial& t, bool with_times) {
  std::string out =
      fmt::format("trial {} generation={} architecture={} genome={} fidelity={} state={}", t.number,
                  t.generation, one_line(t.architecture.key()), fmt::join(t.genome, ","),
                  one_line(t.fidelity), state_name(t.state));
  if (!t.error.empty()) out += " error=" + one_line(t.error);
  if (with_times) out += fmt::format(" worker={} wall_s={}", t.worker, number(t.wall_s));
  return out + values_text(t.values, with_times) + '\n';
}

std::string latency_text(std::string_view kind, const LatencyPoint& p) {
  return fmt::format(
      "{} architecture={} device={} threads={} seconds={} dtype={} n={} mean_ms={} p50_ms={} "
      "p95_ms={} spread_ms={}\n",
      kind, one_line(p.architecture.key()), one_line(p.device), p.threads, number(p.seconds),
      p.dtype, p.n, number(p.mean_ms), number(p.p50_ms), number(p.p95_ms), number(p.spread_ms));
}

std::string pending_text(const PendingGeneration& pending) {
  std::string out = fmt::format("pending_generation {} searcher={}\n", pending.record.number,
                                one_line(pending.record.searcher_state));
  for (const Proposal& p : pending.proposals) {
    out +=
        fmt::format("proposal {} architecture={} genome={} fidelity={}\n", p.number,
                    one_line(p.architecture.key()), fmt::join(p.genome, ","), one_line(p.fidelity));
  }
  return out;
}

}  // namespace

std::string StudyFile::dump(bool with_times) const {
  std::string out = header_text(header(), with_times);
  if (const auto model = latency_model())
    out += fmt::format("latency_model sha256={}\n", model->sha256);
  for (const Trial& trial : trials()) out += trial_text(trial, with_times);
  for (const GenerationRecord& g : generations()) {
    out += fmt::format("generation {} hypervolume={} searcher={}\n", g.number,
                       number(g.hypervolume), one_line(g.searcher_state));
  }
  if (const auto pending = pending_generation()) out += pending_text(*pending);
  for (const TestLook& look : dumped_looks(with_times)) out += look_text(look, with_times);
  if (!with_times) return out;
  for (const LatencyPoint& point : latency_points()) out += latency_text("latency_point", point);
  for (const FreshTime& fresh : fresh_times())
    out += latency_text("fresh_time date=" + one_line(fresh.date), fresh.time);
  for (const LatencyCheck& check : latency_checks()) {
    out += fmt::format("latency_check date={} times={} outside={} scale={}\n", one_line(check.date),
                       check.times, check.outside, number(check.scale));
  }
  for (const Artefact& a : artefacts())
    out += fmt::format("artefact {} path={} sha256={}\n", a.name, one_line(a.path), a.sha256);
  return out;
}

}  // namespace concertina
