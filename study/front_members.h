// Which members of a front a study's users will be told of by name.
#pragma once

#include <span>
#include <vector>

#include "study/study_file.h"
#include "study/pareto.h"

namespace concertina {

// The knee of these trials by the objectives; they must not be empty.
const Trial& knee_of(const StudyHeader& header, std::span<const Trial> front);

// At most `keep` members spread along the front (see spread_front), the best, the knee, and for each
// budget what answers it: the best that fits, or the nearest. Without repeats. NoAnswer when the
// study has no complete trial.
std::vector<Architecture> named_members(const StudyFile& study, int64_t keep,
                                        std::span<const Budget> budgets);

}  // namespace concertina
