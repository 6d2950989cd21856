// Scores on test of the teacher and of the supernet's smallest, default and largest members,
// compared with their random initialisations and MFCC features.
#pragma once

namespace concertina {

struct Pipeline;
struct Stage;

Stage make_eval_stage(const Pipeline& pipeline);

}  // namespace concertina
