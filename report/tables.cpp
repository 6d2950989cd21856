#include "report/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "report/text.h"
#include "study/hypervolume.h"
#include "study/queries.h"

namespace concertina {
namespace {

bool is_number(std::string_view cell) {
  return !cell.empty() && (std::isdigit(static_cast<unsigned char>(cell[0])) || cell[0] == '-' ||
                           cell.starts_with("–"));
}

std::string cell(std::string_view tag, std::string_view text, bool number) {
  return fmt::format("<{0}{1}>{2}</{0}>", tag, number ? " class=\"n\"" : "", escape_html(text));
}

std::string badges(const StudyHeader& header, const Trial& trial, std::span<const Choice> choices) {
  std::string out;
  for (const Choice& choice : choices) {
    if (choice.trial.number == trial.number)
      out += fmt::format(" <span class=\"badge\">{}</span>",
                         escape_html(budget_text(header, choice.budget)));
  }
  return out;
}

std::string fact(std::string_view name, std::string_view value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape_html(name), escape_html(value));
}

// Results of a subnet after the search: its scores on test, its time and the prediction's error.
std::string results_text(const SubnetResults& results) {
  std::string out;
  for (const auto& [name, score] : results.test) {
    out += fmt::format("<span>{} on test <b>{}</b>{}</span> ", escape_html(name),
                       score_number(name, score),
                       score.setting.empty() ? "" : " (" + escape_html(score.setting) + ")");
  }
  if (results.time) {
    const LatencyPoint& time = results.time->time;
    out += fmt::format("<span>measured <b>{:.2f} ms</b> ({})", time.p50_ms,
                       escape_html(workload_text(time)));
    if (results.prediction_error)
      out += fmt::format(", the prediction is off by <b>{:+.1f} %</b>",
                         100 * *results.prediction_error);
    out += "</span>";
  }
  if (results.complete()) return out;
  return out + fmt::format(
                   "<span><b>{}</b>: run <code>concertina search</code> with "
                   "<code>--score</code> and its key</span>",
                   !results.test.empty() ? "not timed"
                   : results.time        ? "not scored on test"
                                         : "not scored on test, not timed");
}

// For a POSIX shell: quotes of the text itself are closed, escaped and opened again.
std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) c == '\'' ? out += "'\\''" : out += c;
  return out + "'";
}

}  // namespace

std::string fact_list(const std::vector<std::pair<std::string, std::string>>& facts) {
  std::string out = "<dl class=\"facts\">\n";
  for (const auto& [name, value] : facts) out += fact(name, value);
  return out + "</dl>\n";
}

std::string html_table(const ReportTable& table) {
  std::vector<bool> numeric(table.columns.size(), !table.rows.empty());
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < numeric.size(); ++i)
      numeric[i] = numeric[i] && i < row.size() && is_number(row[i]);
  }
  std::string out = "<div class=\"scroll\"><table><thead><tr>";
  for (size_t i = 0; i < table.columns.size(); ++i) out += cell("th", table.columns[i], numeric[i]);
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (size_t i = 0; i < row.size(); ++i)
      out += cell("td", row[i], i < numeric.size() && numeric[i]);
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string front_table(const StudyHeader& header, std::span<const Trial> front,
                        const FrontResults& results, std::span<const Choice> choices) {
  const std::vector<std::string> metrics = metric_columns(header, front);
  std::string out = "<div class=\"scroll\"><table><thead><tr><th class=\"n\">trial</th>";
  for (const std::string& name : metrics) out += cell("th", metric_title(header, name), true);
  out += "<th>architecture</th></tr></thead>\n<tbody>\n";
  for (const Trial& trial : front) {
    const std::string marks = badges(header, trial, choices);
    out += fmt::format("<tr{}><td class=\"n\">{}</td>", marks.empty() ? "" : " class=\"picked\"",
                       trial.number);
    const SubnetResults subnet = results.of(trial.architecture);
    for (const std::string& name : metrics) {
      const auto value = trial.values.find(name);
      const auto scored = subnet.test.find(std::string(without_split(name)));
      const bool on_test = name.starts_with("test.") && scored != subnet.test.end();
      out += cell("td",
                  on_test                       ? score_number(name, scored->second)
                  : value == trial.values.end() ? ""
                                                : metric_value(name, value->second),
                  true);
    }
    out += fmt::format("<td><code>{}</code>{}</td></tr>\n", escape_html(trial.architecture.key()),
                       marks);
  }
  return out + "</tbody></table></div>\n";
}

std::string facts_list(const StudyHeader& header, const StudyFile& study, int64_t trials,
                       int64_t complete, int64_t front_size) {
  std::vector<std::pair<std::string, std::string>> facts = {
      {"trials", complete == trials ? fmt::format("{}", trials)
                                    : fmt::format("{} ({} failed)", trials, trials - complete)},
      {"on the front", fmt::format("{}", front_size)}};
  if (const auto last = study.last_generation()) {
    facts.emplace_back("generations", fmt::format("{}", last->number + 1));
    facts.emplace_back("hypervolume", fmt::format("{:.4g}", last->hypervolume));
    const std::string reference = reference_point_text(header);
    if (!reference.empty()) facts.emplace_back("its reference point", reference);
  }
  facts.emplace_back("evaluations on test", fmt::format("{}", study.looks().size()));
  facts.emplace_back("seed", fmt::format("{}", header.seed));
  if (!header.device.empty()) facts.emplace_back("device", header.device);
  if (!header.data.empty()) facts.emplace_back("data", header.data.substr(0, 16));
  facts.emplace_back("model", model_path(header));
  return fact_list(facts);
}

std::string choice_cards(const StudyHeader& header, std::span<const Choice> choices) {
  std::string out = "<div class=\"cards\">\n";
  for (const Choice& choice : choices) {
    const std::string key = choice.trial.architecture.key();
    out +=
        fmt::format("<article><h3>{}{}</h3>\n<p>", escape_html(budget_text(header, choice.budget)),
                    choice.fits ? "" : ": none fits, the nearest is");
    for (const auto* metrics : {&header.objectives, &header.recorded}) {
      for (const MetricInfo& m : *metrics) {
        const auto value = choice.trial.values.find(m.name);
        if (value == choice.trial.values.end()) continue;
        out += fmt::format("<span>{} <b>{}</b></span> ", escape_html(metric_title(header, m.name)),
                           metric_value(m.name, value->second));
      }
    }
    out += fmt::format(
        "</p>\n<p>{}</p>\n<pre>concertina extract {} --arch {} -o "
        "subnet.safetensors</pre></article>\n",
        results_text(choice.results), escape_html(shell_quoted(model_path(header))),
        escape_html(shell_quoted(key)));
  }
  return out + "</div>\n";
}

}  // namespace concertina
