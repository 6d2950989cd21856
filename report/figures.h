// The report's charts as SVG text; "" where there is no data. Private to report/.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "report/page.h"
#include "report/training_curve.h"
#include "study/budget.h"
#include "study/front_results.h"
#include "study/study_file.h"

namespace concertina {

// A budget and the subnet that answers it; `fits` false: the nearest instead.
struct Choice {
  Budget budget;
  Trial trial;
  bool fits = true;
  SubnetResults results;
};

// The first objective over each further one, a chart each; over the trial number if it is the only
// one.
std::string front_figures(const StudyHeader& header, std::span<const Trial> trials,
                          std::span<const Trial> front, std::span<const Choice> choices);
std::string hypervolume_figure(std::span<const GenerationRecord> generations);
std::string latency_figure(std::span<const LatencyPoint> points,
                           const std::optional<LatencyModelRecord>& record);
std::string training_figure(const TrainingCurve& curve);
std::string line_figure(const LineChart& chart);  // a mark for each point

}  // namespace concertina
