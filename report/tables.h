// The report's tables as HTML text. Private to report/.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "report/figures.h"
#include "report/report.h"

namespace concertina {

// Names and values in one line.
std::string fact_list(const std::vector<std::pair<std::string, std::string>>& facts);
std::string html_table(const ReportTable& table);  // numeric columns are right-aligned
std::string front_table(const StudyHeader& header, std::span<const Trial> front,
                        const FrontResults& results, std::span<const Choice> choices);
std::string facts_list(const StudyHeader& header, const StudyFile& study, int64_t trials,
                       int64_t complete, int64_t front_size);
std::string choice_cards(const StudyHeader& header, std::span<const Choice> choices);

}  // namespace concertina
