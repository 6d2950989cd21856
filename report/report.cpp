#include "report/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "report/depth_width_section.h"
#include "report/figures.h"
#include "report/tables.h"
#include "report/text.h"
#include "study/latency/model.h"
#include "study/pareto.h"
#include "study/queries.h"

namespace concertina {
namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --paper: #fdfdfc; --ink: #1d2329; --muted: #66707a; --rule: #dfe3e6; --soft: #f3f5f6;
  --dot: #b4bcc4; --front: #1f6f8b; --chosen: #d1603d; --c1: #b07d2b; --c2: #6a5acd; --c3: #3c8d5a; --c4: #a3466b; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181c; --ink: #e4e8eb; --muted: #94a0aa; --rule: #2d353c;
  --soft: #1b2126; --dot: #55616b; --front: #5fb6d3; --chosen: #f08a64; --c1: #d9ab5e; --c2: #a79bf0; --c3: #74c492; --c4: #de88aa; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 61rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 1.75rem; font-weight: 650; letter-spacing: -0.01em; margin: 0 0 1.25rem; }
h2 { font-size: 1.15rem; font-weight: 650; margin: 2.75rem 0 0.35rem; }
h3 { font-size: 0.95rem; font-weight: 600; margin: 0 0 0.35rem; }
p.note { color: var(--muted); margin: 0 0 0.9rem; max-width: 46rem; font-size: 0.92rem; }
.facts { display: flex; flex-wrap: wrap; gap: 0.9rem 2.25rem; margin: 0; padding: 1rem 0; border: solid var(--rule); border-width: 1px 0; }
.facts dt { color: var(--muted); font-size: 0.78rem; } .facts dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: 1.5rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
article { border: 1px solid var(--rule); border-left: 3px solid var(--chosen); border-radius: 4px; padding: 0.8rem 1rem; min-width: 0; }
article p { margin: 0 0 0.6rem; font-size: 0.9rem; } article span { display: inline-block; margin-right: 0.9rem; color: var(--muted); }
article b { color: var(--ink); }
pre { margin: 0; padding: 0.55rem 0.7rem; background: var(--soft); border-radius: 4px; font-size: 0.8rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; } code { font-size: 0.85em; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 0.86rem; }
th { text-align: left; font-weight: 600; color: var(--muted); vertical-align: bottom; } td, th { padding: 0.32rem 0.9rem 0.32rem 0; border-bottom: 1px solid var(--rule); }
.n { text-align: right; white-space: nowrap; } td code { white-space: nowrap; } tr.picked td { background: color-mix(in srgb, var(--chosen) 9%, transparent); }
.badge { display: inline-block; padding: 0 0.45rem; border-radius: 9px; background: var(--chosen); color: var(--paper); font-size: 0.75rem; font-weight: 600; white-space: nowrap; }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 12px; fill: var(--muted); } svg .title { fill: var(--ink); }
.grid { stroke: var(--rule); } .axis { stroke: var(--muted); } .guide { stroke: var(--muted); stroke-dasharray: 4 4; }
svg path { fill: none; stroke-width: 1.75; stroke-linejoin: round; } .front-line { stroke: var(--front); } .line { stroke: var(--front); }
.trial { fill: var(--dot); fill-opacity: 0.75; } .front { fill: var(--front); } .dot { fill: var(--front); }
.chosen { fill: none; stroke: var(--chosen); stroke-width: 2.5; pointer-events: all; }
.line.s1 { stroke: var(--c1); } .dot.s1 { fill: var(--c1); } .line.s2 { stroke: var(--c2); } .dot.s2 { fill: var(--c2); }
.line.s3 { stroke: var(--c3); } .dot.s3 { fill: var(--c3); } .line.s4 { stroke: var(--c4); } .dot.s4 { fill: var(--c4); }
.line.faint { stroke: var(--dot); stroke-width: 1.25; }
details { margin-top: 0.75rem; } summary { cursor: pointer; color: var(--muted); }
)css";

constexpr size_t kMostRows = 500;

struct Picture {
  std::string title, svg;
};

std::string section(std::string_view title, std::string_view note, std::string_view body) {
  if (body.empty()) return "";
  const std::string hint =
      note.empty() ? "" : fmt::format("<p class=\"note\">{}</p>\n", escape_html(note));
  return fmt::format("<section>\n<h2>{}</h2>\n{}{}</section>\n", escape_html(title), hint, body);
}

std::string pictures(const std::vector<Picture>& all) {
  std::string body;
  for (const Picture& p : all) {
    if (!p.svg.empty())
      body += fmt::format("<figure style=\"margin:0\"><h3>{}</h3>\n{}</figure>\n",
                          escape_html(p.title), p.svg);
  }
  return body.empty() ? "" : fmt::format("<div class=\"pair\">\n{}</div>\n", body);
}

std::vector<Choice> choose(const StudyHeader& header, const FrontResults& results,
                           const std::vector<Trial>& trials, const std::vector<Budget>& budgets) {
  std::vector<Choice> choices;
  for (const Budget& budget : budgets) {
    const BudgetAnswer answer = within_budgets(header, results, trials, std::span(&budget, 1));
    const bool fits = !answer.fitting.empty();
    const Trial& trial = fits ? answer.fitting.front() : *answer.nearest;
    choices.push_back({budget, trial, fits, results.of(trial.architecture)});
  }
  return choices;
}

// Members of the front for its table: all, or kMostRows evenly along it and the chosen ones.
std::vector<Trial> table_rows(const std::vector<Trial>& front, std::span<const Choice> choices) {
  if (front.size() <= kMostRows) return front;
  const auto is_chosen = [&](const Trial& trial) {
    return std::ranges::any_of(
        choices, [&](const Choice& choice) { return choice.trial.number == trial.number; });
  };
  std::vector<Trial> rows;
  size_t taken = 0;
  for (size_t i = 0; i < front.size(); ++i) {
    const bool is_due = i * (kMostRows - 1) >= taken * (front.size() - 1);
    taken += is_due ? 1 : 0;
    if (is_due || is_chosen(front[i])) rows.push_back(front[i]);
  }
  return rows;
}

std::string results(const StudyHeader& header, const FrontResults& found,
                    const std::vector<Trial>& trials, const std::vector<Trial>& front,
                    const ReportInputs& inputs) {
  const std::vector<Choice> choices = choose(header, found, trials, inputs.budgets);
  const std::vector<Trial> rows = table_rows(front, choices);
  const std::string left_out =
      rows.size() == front.size()
          ? ""
          : fmt::format(" {} of {} members are listed, evenly along the front.", rows.size(),
                        front.size());
  std::string out;
  if (!choices.empty())
    out += section("Chosen for a budget",
                   "The best subnet that fits, and the command that extracts it from the supernet.",
                   choice_cards(header, choices));
  out += section("Trials and front",
                 "Every dot is one subnet scored on dev data; hover for its architecture. Of "
                 "thousands that overlap, one is drawn. The line joins the non-dominated subnets.",
                 front_figure(header, trials, front, choices));
  out += section("The front",
                 "Values are on dev data unless a column says test, with 95 % intervals. A timed "
                 "column is a fresh measurement of the extracted subnet." +
                     left_out,
                 front_table(header, rows, found, choices));
  return out;
}

// Whether the measured latencies of the front agree with the model.
std::string check_text(const std::vector<LatencyCheck>& checks) {
  if (checks.empty() || checks.back().times == 0) return "";
  const LatencyCheck& check = checks.back();
  std::string text = fmt::format(
      " Of {} measured latencies of the front, {} lie outside the prediction's 90 % interval",
      check.times, check.outside);
  if (check.scale == 1) return text + ".";
  return text + fmt::format(
                    ", more than chance explains: budgets on latency use the predictions times "
                    "{:.3f}; objective values stay as the search saw them.",
                    check.scale);
}

// The error that was stored with the frozen model: later profiles do not change it.
std::string latency_title(const std::optional<LatencyModelRecord>& record) {
  if (!record) return "Latency model";
  const auto error = LatencyModel::from_json(record->json).held_out();
  if (!error) return "Latency model (fitted by an older version, which stored no held-out error)";
  return fmt::format("Latency model: {:.1f} % error, Kendall tau {:.2f} on held-out subnets",
                     100 * error->mape, error->kendall_tau);
}

std::string measurements(const StudyFile& study, const ReportInputs& inputs) {
  const std::optional<LatencyModelRecord> model = study.latency_model();
  std::string out = section(
      "Search and latency",
      "Hypervolume is measured against the study's reference point, relative to the volume within "
      "its bounds: studies of one space and model are comparable. The latency model is frozen "
      "before the search." +
          check_text(study.latency_checks()),
      pictures({{"Hypervolume", hypervolume_figure(study.generations())},
                {latency_title(model), latency_figure(study.latency_points(), model)}}));
  std::vector<Picture> training;
  for (const TrainingCurve& curve : inputs.curves)
    training.push_back({curve.title, training_figure(curve)});
  return out + section("Training", "", pictures(training));
}

// Trained models record their own settings: the search's config may have others.
std::string provenance(const StudyHeader& header, const ReportInputs& inputs) {
  std::string body;
  std::vector<std::pair<std::string, std::string>> parts = {
      {"Configuration of the search", header.config},
      {"Versions", header.versions},
      {"Search space", header.space_json},
      {"Model", header.model}};
  for (const auto& [name, what] : inputs.trained) parts.emplace_back("Trained: " + name, what);
  for (const auto& [title, text] : parts) {
    if (!text.empty())
      body += fmt::format("<details><summary>{}</summary>\n<pre>{}</pre></details>\n",
                          escape_html(title), escape_html(text));
  }
  return section("Provenance", "", body);
}

}  // namespace

std::string render_report(const StudyFile& study, const ReportInputs& inputs) {
  const StudyHeader header = study.header();
  std::vector<Trial> trials = study.trials();
  const auto total = static_cast<int64_t>(trials.size());
  std::erase_if(trials, [](const Trial& t) { return t.state != TrialState::kComplete; });
  const FrontResults found = front_results(study);
  add_results(found, trials);
  const std::vector<Trial> front = front_trials(trials, header.objectives);

  const std::string title = escape_html(inputs.title);
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
      "name=\"viewport\" "
      "content=\"width=device-width, "
      "initial-scale=1\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<h1>{}</h1>\n",
      title, kStyle, title);
  page += facts_list(header, study, total, static_cast<int64_t>(trials.size()),
                     static_cast<int64_t>(front.size()));
  page += trials.empty() ? "<p class=\"note\">No trial is complete yet.</p>\n"
                         : results(header, found, trials, front, inputs);
  for (const ReportTable& table : inputs.tables)
    page += section(table.title, table.note, html_table(table));
  if (inputs.depth_width)
    page += section("Deep versus wide", depth_width_note(*inputs.depth_width),
                    depth_width_body(*inputs.depth_width));
  page += measurements(study, inputs) + provenance(header, inputs);
  return page + "</body>\n</html>\n";
}

}  // namespace concertina
