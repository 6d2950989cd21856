// scores.json, which the eval stage writes, as a table for the report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "report/report.h"

namespace concertina {

// A sentence that names the metrics in which the model "random" is no worse than the first model.
// "" when there are none or no such model.
using NamedScores = std::pair<std::string, std::map<std::string, double>>;
std::string control_note(const std::vector<NamedScores>& models);

// Digits after the point in a table of scores: one of per cent, three of what is below 1.
int32_t score_digits(const std::string& metric);

// InputError when it is not such a file.
ReportTable read_score_table(const std::filesystem::path& scores);

}  // namespace concertina
