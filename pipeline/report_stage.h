// The last stage: the chosen subnet as a file of its own, and the page that shows the study.
#pragma once

#include <filesystem>
#include <string>

#include "pipeline/pipeline.h"
#include "pipeline/stage.h"
#include "report/report.h"

namespace concertina {

// Adds what a model file says about its training to a report; nothing where there is no file.
void add_provenance(const std::filesystem::path& model, const std::string& name,
                    ReportInputs& inputs);
Stage make_report_stage(const Pipeline& pipeline);

}  // namespace concertina
