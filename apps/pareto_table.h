// Trials as tables: one row per subnet, with its metrics and the architecture key to extract it
// with.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "study/front_results.h"
#include "study/study_file.h"

namespace concertina {

// Aligned columns: the trial's number, its metrics, then the architecture's key.
std::string pareto_table(const StudyHeader& header, std::span<const Trial> trials);
// For programs: numbers as the shortest text that reads back the same.
std::string trials_csv(const StudyHeader& header, std::span<const Trial> trials);
// An array, ends with a line break; with `results`, each trial has what is known beyond the search.
std::string trials_json(std::span<const Trial> trials, const FrontResults* results = nullptr);

}  // namespace concertina
