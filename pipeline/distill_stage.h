// The two stages of distillation: of the full-size student, then of all subnets of the elastic
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

// Whether stage 2, where it starts from the sorted student, expects it to exist or creates it.
enum class StudentSort { kDone, kIfMissing };

// `stage`: 1 or 2. Reads what the stages before it have left in the workspace.
void train_student(const PipelineConfig& config, const Workspace& workspace,
                   const RunContext& context, const TrainingFlags& flags, int32_t stage,
                   StudentSort sort = StudentSort::kDone);
Stage make_distill_stage(const Pipeline& pipeline, const TrainingFlags& flags, int32_t stage);

}  // namespace concertina
