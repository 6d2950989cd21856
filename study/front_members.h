// Members of a front: the knee, members spread along it, and those to score on test.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "study/budget.h"
#include "study/study_file.h"

namespace concertina {

// The knee of these trials by the objectives; they must not be empty.
const Trial& knee_of(const StudyHeader& header, std::span<const Trial> front);

// At most `keep` members of the front, spread evenly along it, extremes first. NoAnswer when the
// study has no complete trial.
std::vector<Architecture> spread_front(const StudyFile& study, int64_t keep);

// The reported members: spread_front(), the best, the knee, and for each budget the best that fits
// or the nearest. Without repeats. NoAnswer when the study has no complete trial.
std::vector<Architecture> named_members(const StudyFile& study, int64_t keep,
                                        std::span<const Budget> budgets);

}  // namespace concertina
