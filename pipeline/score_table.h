// scores.json, which the eval stage writes, as a table for the report.
#pragma once

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

// InputError when it is not such a file.
ReportTable read_score_table(const std::filesystem::path& scores);

}  // namespace concertina
