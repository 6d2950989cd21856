// What a study contains on a subnet beyond its dev scores, as text and as JSON.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "study/front_results.h"
#include "study/study_file.h"

namespace concertina {

// {"test": {METRIC: {value, low, high, setting}}, "time": {...}, "predicted_ms", ...}; what is not
// known is null or left out.
nlohmann::ordered_json results_json(const SubnetResults& results);

// The command that scores a subnet of this study, up to the subnet's key; "" where the run's supernet
// is not beside the study.
std::string score_command(const StudyFile& study, const std::filesystem::path& path);

// Indented lines: scores on test with intervals and settings; the measured latency with its
// workload, the prediction and its signed error; what is missing, and the `command` that makes it.
std::string results_text(const SubnetResults& results, const Architecture& architecture,
                         const std::string& command);

// What latency budgets hold for: workload, scale and margin, one line per budget; "" without any.
std::string latency_terms_text(const FrontResults& results, std::span<const Budget> budgets);

// The scored members: scores on test with intervals, times and the prediction's errors; as rows of
// a table or as JSON.
std::string front_table(const FrontResults& results);
nlohmann::ordered_json front_json(const FrontResults& results);

}  // namespace concertina
