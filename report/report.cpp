#include "report/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "report/depth_width_section.h"
#include "report/figures.h"
#include "report/html.h"
#include "report/tables.h"
#include "report/text.h"
#include "study/latency/model.h"
#include "study/pareto.h"
#include "study/queries.h"

namespace concertina {
namespace {

constexpr size_t kMostRows = 500;

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
                 "thousands that overlap, one is drawn. The line joins the subnets that are "
                 "non-dominated in the two axes.",
                 front_figures(header, trials, front, choices));
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

  std::string body = facts_list(header, study, total, static_cast<int64_t>(trials.size()),
                                static_cast<int64_t>(front.size()));
  body += trials.empty() ? "<p class=\"note\">No trial is complete yet.</p>\n"
                         : results(header, found, trials, front, inputs);
  for (const ReportTable& table : inputs.tables)
    body += section(table.title, table.note, html_table(table));
  if (inputs.depth_width)
    body += section("Deep versus wide", depth_width_note(*inputs.depth_width),
                    depth_width_body(*inputs.depth_width));
  body += measurements(study, inputs) + provenance(header, inputs);
  return html_page(inputs.title, body);
}

}  // namespace concertina
