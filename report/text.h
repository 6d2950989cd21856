// Names, numbers and budgets as the report writes them. Private to report/.
#pragma once

#include <string>
#include <string_view>

#include "study/budget.h"
#include "study/study_header.h"

namespace concertina {

std::string escape_html(std::string_view text);
// "" when the study gives none.
std::string unit_of(const StudyHeader& header, std::string_view metric);
// "latency.pred_ms (ms)"
std::string metric_title(const StudyHeader& header, std::string_view metric);
std::string metric_value(std::string_view metric, double value);  // "1.64M", "6.71", "–" for NaN
std::string budget_text(const StudyHeader& header, const Budget& budget);  // "params ≤ 2M"
std::string model_path(const StudyHeader& header);  // "MODEL" when it is not recorded

}  // namespace concertina
