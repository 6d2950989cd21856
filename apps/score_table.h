// scores.json, the side by side scores that the eval stage writes, as a table for the report.
#pragma once

#include <filesystem>

#include "report/report.h"

namespace concertina {

ReportTable read_score_table(
    const std::filesystem::path& scores);  // InputError when it is not such a file

}  // namespace concertina
