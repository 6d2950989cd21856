// The teachers beside the first: model files that the pipeline file's `teachers` name, or models that are
// downloaded into the workspace when a stage first needs them (pipeline/pretrained.h).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/stop.h"
#include "distill/distill.h"
#include "distill/objective/teacher_size.h"
#include "pipeline/pipeline_config.h"
#include "pipeline/workspace.h"

namespace concertina {

// Downloads those that `objective` names and that are not there yet. Errors: see fetch_pretrained().
void fetch_more_teachers(const PipelineConfig& config, const Workspace& workspace,
                         const ObjectiveOptions& objective, const StopToken& stop);
// Those that `objective` names, in the order of the file. InputError when one is not there.
std::vector<NamedTeacher> more_teachers(const PipelineConfig& config, const Workspace& workspace,
                                        const ObjectiveOptions& objective);
// Their settings and a hash of their files, for Stage::settings; "" where it names none.
std::string more_teachers_hash(const PipelineConfig& config, const ObjectiveOptions& objective);

// Problems of the list: names that are missing, used twice or "teacher", files that cannot be read, frames
// that do not map to the space's, teachers that no objective names.
void check_more_teachers(ConfigSection root, const PipelineConfig& config);
// What is known before any stage has run, `first` in front.
std::vector<TeacherSize> teacher_sizes(const PipelineConfig& config, TeacherSize first);

}  // namespace concertina
