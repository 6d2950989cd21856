// The two stages of distillation: the teacher into a student of full size, then into the elastic
// supernet.
#pragma once

#include <cstdint>

#include "pipeline/training_flags.h"

namespace concertina {

struct Pipeline;
struct PipelineConfig;
struct RunContext;
struct Stage;
struct Workspace;

// Whether a stage 2 that starts from a sorted student finds it sorted, or sorts it.
enum class StudentSort { kDone, kIfMissing };

// `stage`: 1 or 2. Reads what the stages before it have left in the workspace.
void train_student(const PipelineConfig& config, const Workspace& workspace,
                   const RunContext& context, const TrainingFlags& flags, int32_t stage,
                   StudentSort sort = StudentSort::kDone);
Stage make_distill_stage(const Pipeline& pipeline, int32_t stage);

}  // namespace concertina
