// Teacher rows of the frames alone that a mask leaves (DMAE, Bai et al. 2022).
#pragma once

#include "distill/objective/rows.h"

namespace concertina {

// teacher_rows(), but every row is of a pass whose layers run over the frames that batch.mask leaves
// (supernet/model/visible_input.h), up to the last layer that is needed; 0 at the others. Never cached.
Rows visible_teacher_rows(const std::vector<Row>& rows, std::span<const Subnet> teachers,
                          const Blueprint& student, const SpeechBatch& batch);

}  // namespace concertina
