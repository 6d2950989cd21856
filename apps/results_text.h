// What is known of a subnet beyond its dev scores, in words and as JSON.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "db/study_file.h"
#include "search/front_results.h"

namespace concertina {

// {"test": {METRIC: {value, low, high, setting}}, "time": {...}, "predicted_ms", ...}; what is not
// known is null or left out.
nlohmann::ordered_json results_json(const SubnetResults& results);

// The command that scores a subnet of this study, up to the subnet's key.
std::string score_command(const StudyFile& study, const std::filesystem::path& path);

// Indented lines: scores on test with intervals and settings; the fresh time with its workload
// beside the prediction and its signed error; what is missing, and the `command` that makes it.
std::string results_text(const SubnetResults& results, const Architecture& architecture,
                         const std::string& command);

// What limits on latency hold for: workload, scale and margin, one line a budget; "" without any.
std::string latency_terms_text(const FrontResults& results, std::span<const Budget> budgets);

// The scored members: scores on test with intervals, times and the prediction's errors; as rows of a
// table or as JSON.
std::string front_table(const FrontResults& results);
nlohmann::ordered_json front_json(const FrontResults& results);

}  // namespace concertina
