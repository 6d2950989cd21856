// The teacher: a model that the config names, one that is downloaded (pipeline/pretrained.h), or one
// pretrained by masked unit prediction.
#pragma once

#include "pipeline/training_flags.h"
#include "supernet/model/supernet.h"

namespace concertina {

struct Pipeline;
struct PipelineConfig;
struct RunContext;
struct Stage;
struct Workspace;

// InputError when a teacher was trained in the workspace and `flags` do not say what to do about
// it.
void train_teacher(const PipelineConfig& config, const Workspace& workspace,
                   const RunContext& context, const TrainingFlags& flags);
// The workspace's teacher. One that was pretrained there has its prediction head of the last layer as
// its unit head.
Supernet load_teacher(const Workspace& workspace);
Stage make_teacher_stage(const Pipeline& pipeline, const TrainingFlags& flags);

}  // namespace concertina
