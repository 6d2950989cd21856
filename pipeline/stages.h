// The stages of a pipeline in the order they run. A new stage is a file with its make_ function and
// a line here.
#pragma once

#include <vector>

#include "pipeline/stage.h"
#include "pipeline/training_flags.h"

namespace concertina {

struct Pipeline;

// `pipeline` outlives the stages; `flags` are those of the training stages. SystemError when a file
// that the config names cannot be read.
std::vector<Stage> pipeline_stages(const Pipeline& pipeline, const TrainingFlags& flags = {});

}  // namespace concertina
