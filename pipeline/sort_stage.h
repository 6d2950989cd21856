// The importance sort between stage 1 and stage 2 of distillation, where the config asks for it.
#pragma once

namespace concertina {

struct Pipeline;
struct PipelineConfig;
struct Stage;
struct Workspace;

// Sorts stage 1's student and its prediction heads into the workspace's sort folder. Needs
// config.sort.
void sort_student(const PipelineConfig& config, const Workspace& workspace);
Stage make_sort_stage(const Pipeline& pipeline);

}  // namespace concertina
