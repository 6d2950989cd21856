// The term-weighted value of spoken term detection (NIST STD 2006; MediaEval's QUESST). Plain numbers.
#pragma once

#include <cstdint>
#include <span>

#include "core/rng.h"
#include "eval/metrics.h"

namespace concertina {

// One query and one document that it was searched in.
struct SearchTrial {
  int64_t query = 0;
  bool target = false;  // the document holds the query
  double score = 0;     // higher: more likely
};

// beta = c_false_alarm / c_miss (1 / p_target - 1): 12.49 with the costs of QUESST 2014.
struct SearchCosts {
  double p_target = 0.0008;
  double c_miss = 100, c_false_alarm = 1;
};

// max over thresholds of 1 - mean over queries of (P_miss + beta P_fa), "reject all" included, so at
// least 0, and 1 at best. P_miss is the share of a query's targets that are rejected, P_fa that of its
// other documents that are accepted (0 where it has none). Queries without a target do not count; 0
// where none has one. Equal scores are accepted together.
double max_term_weighted_value(std::span<const SearchTrial> trials, SearchCosts costs = {});

// 95 % percentile bootstrap over queries.
Interval bootstrap_term_weighted_value(std::span<const SearchTrial> trials, Rng rng,
                                       int32_t resamples = kBootstrapResamples);

}  // namespace concertina
