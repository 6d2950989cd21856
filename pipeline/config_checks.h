// What a pipeline file asks for that its metrics, teacher or corpus do not have, found before the
// first stage. Each finding is a problem of the file, with its place and the nearest valid name.
#pragma once

#include "pipeline/pipeline_config.h"

namespace concertina {

// Names of metrics: unknown, or an objective named twice.
void check_metric_names(ConfigSection root, const SearchConfig& search);
// Layers of the teacher: those of the space's largest member, or of a model file that is there.
void check_teacher_layers(ConfigSection root, const PipelineConfig& config);
// Weights of sources that the corpus does not have, searched metrics that it has no labels for. A
// corpus that is not there yet, or cannot be read (its stage says why), is known by its tier alone.
void check_corpus(ConfigSection root, const PipelineConfig& config);

}  // namespace concertina
