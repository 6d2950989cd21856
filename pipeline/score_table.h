// Scores as tables: for the terminal, the report of a pipeline and the page of `eval --html`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/scores.h"
#include "report/report.h"

namespace concertina {

// A row for each model, with 95 % intervals, and a note of what is not informative.
ReportTable score_table(const Scores& scores);
// The same as aligned columns, models beside each other where they are fewer than the metrics; then
// measured_lines() and control_note().
std::string score_text(const Scores& scores);

// What was measured on which clips, a line for each task, and why others are left out: "sid: 22
// speakers; train 2,622 clips, 64.1 min; test 925 clips, 22.6 min".
std::vector<std::string> measured_lines(const Scores& scores);

// A sentence that names the metrics in which the model "random" is no worse than the first model.
// "" when there are none or no such model.
std::string control_note(const Scores& scores);

// Digits after the point in a table of scores: one of per cent, three of what is below 1.
int32_t score_digits(const std::string& metric);

}  // namespace concertina
