// How trials are shown to people: one row a subnet, its objectives and size, and its key to extract
// it with.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "db/study_file.h"
#include "search/pareto.h"

namespace concertina {

// The metrics to show: objectives, recorded ones, then what only the final front has
// ("test.pr.per").
std::vector<std::string> metric_columns(const StudyHeader& header, std::span<const Trial> trials);
// Aligned columns: the trial's number, its metrics, then the architecture's key.
std::string pareto_table(const StudyHeader& header, std::span<const Trial> trials);
// "2M params", "15 ms latency.pred_ms": a budget in words.
std::string describe(const Budget& budget);
// A metric's value in words: 1.64M for counts, 6.71 ms, 0.1835.
std::string format_metric(const std::string& metric, double value);

}  // namespace concertina
