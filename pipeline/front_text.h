// Budgets and the state of a front in words, for the log and for what the verbs print.
#pragma once

#include <string>

#include "study/budget.h"
#include "study/front_results.h"

namespace concertina {

// "2M params", "15.00 ms latency"
std::string describe(const Budget& budget);
// States that measured latencies lie outside the prediction's interval, and the scale that corrects
// it; "" when they do not.
std::string correction_text(const FrontResults& results);

}  // namespace concertina
