// Dominated hypervolume and the reference point it is measured against.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "study/pareto.h"
#include "study/study_header.h"

namespace concertina {

// Exact dominated hypervolume against `reference` (each point must be below it to count), by
// slicing: any number of objectives, O(n log n) for 2 and 3, O(n^2 log n) for 4.
double hypervolume(std::vector<ObjectivePoint> points, const ObjectivePoint& reference);

// How far the reference point lies beyond the worse bound of each objective, as a share of their
// range, so that the extremes of a front count.
inline constexpr double kReferenceMargin = 0.1;

// The study's reference point by metric; empty while the study has no bounds.
std::vector<std::pair<std::string, double>> reference_point(const StudyHeader& header);
std::string reference_point_text(const StudyHeader& header);  // "distill.l1 1.6, sid.acc -10.00 %"

}  // namespace concertina
