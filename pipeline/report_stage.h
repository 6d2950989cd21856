// The last stage: the selected subnet as a model file, and the study as an HTML page.
#pragma once

#include <filesystem>
#include <string>

#include "report/report.h"

namespace concertina {

struct Pipeline;
struct Stage;

// Adds the provenance of a model file to a report; nothing if there is no such file.
void add_provenance(const std::filesystem::path& model, const std::string& name,
                    ReportInputs& inputs);
Stage make_report_stage(const Pipeline& pipeline);

}  // namespace concertina
