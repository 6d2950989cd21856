// Scores as one self-contained HTML page: the table, what was measured, curves over layers.
#pragma once

#include <string>

#include "pipeline/scores.h"

namespace concertina {

std::string score_page(const Scores& scores, const std::string& title);

}  // namespace concertina
