// Scores on test of the teacher and of the supernet's named members, compared with their random
// initialisations and MFCC features.
#pragma once

#include "pipeline/pipeline.h"
#include "pipeline/stage.h"

namespace concertina {

Stage make_eval_stage(const Pipeline& pipeline);

}  // namespace concertina
