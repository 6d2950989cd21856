// A study as one self-contained HTML page: inline SVG and CSS, no scripts from elsewhere, every
// name escaped.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "study/study_file.h"
#include "search/run_study.h"

namespace concertina {

// One training stage's curve, read from its metrics.jsonl.
struct TrainingCurve {
  std::string title;  // "teacher", "stage 1", "stage 2"
  std::vector<double> step, loss;
  std::vector<std::pair<std::string, std::vector<double>>>
      validation;  // name -> values (NaN where not measured)
};

// A table made elsewhere, e.g. `concertina eval --json` side by side scores.
struct ReportTable {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::string note;  // below the title; may be empty
};

struct ReportInputs {
  std::string title = "Concertina study";
  std::vector<Budget> budgets;  // each marks its best subnet on the front and in the table
  std::vector<TrainingCurve> curves;
  std::vector<ReportTable> tables;
  std::vector<std::pair<std::string, std::string>> trained;  // a stage's name, and what ran there
};

std::string render_report(const StudyFile& study, const ReportInputs& inputs);
TrainingCurve read_training_curve(const std::filesystem::path& metrics_jsonl,
                                  const std::string& title);
std::string escape_html(std::string_view text);

}  // namespace concertina
