// A study as one self-contained HTML page: inline SVG and CSS, no external resources, every name
// escaped.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "report/depth_width.h"
#include "report/training_curve.h"
#include "study/budget.h"
#include "study/study_file.h"

namespace concertina {

// A table made elsewhere, e.g. the scores of `concertina eval --json`.
struct ReportTable {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::string note;  // below the title; may be empty
};

struct ReportInputs {
  std::string title = "Concertina study";
  std::vector<Budget> budgets;  // the best subnet for each is marked in the chart and the table
  std::vector<TrainingCurve> curves;
  std::vector<ReportTable> tables;
  std::optional<DepthWidth> depth_width;
  std::vector<std::pair<std::string, std::string>> trained;  // name and provenance of each model
};

std::string render_report(const StudyFile& study, const ReportInputs& inputs);

}  // namespace concertina
