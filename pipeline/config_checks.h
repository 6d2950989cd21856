// Checks a pipeline file against the metrics, the teacher and the corpus before the first stage.
// Each finding is a problem of the file, with its place and the nearest valid name.
#pragma once

#include "pipeline/pipeline_config.h"

namespace concertina {

// Unknown metrics and duplicate objectives.
void check_metric_names(ConfigSection root, const SearchConfig& search);
// distill.l1 in a search, or a sort, with an objective that needs masked frames.
void check_scored_objective(ConfigSection root, const PipelineConfig& config);
// Layers of the teacher, those of the space's largest member or of an existing model file, and logits
// of one without a unit head.
void check_teacher(ConfigSection root, const PipelineConfig& config);
// Weights of sources that the corpus does not have, and searched metrics that it has no labels for.
// Of a corpus that does not exist yet, or is unreadable (its stage reports that), only the tier is
// known.
void check_corpus(ConfigSection root, const PipelineConfig& config);

}  // namespace concertina
