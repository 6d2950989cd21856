// Scores of predictions and how sure they are. Plain numbers, no tensors.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/rng.h"

namespace concertina {

struct Interval {
  double low = 0, high = 0;
};

inline constexpr int32_t kBootstrapResamples = 1000;

// For bootstraps: from the 2.5th to the 97.5th percentile, and how often each of n clips is drawn.
Interval percentile_interval(std::vector<double> values);
std::vector<int32_t> draw_with_replacement(int64_t n, Rng& rng);

// Share of hits over all clips: sum(hits) / sum(totals); 0 when there is nothing.
double hit_rate(std::span<const double> hits, std::span<const double> totals);
// 95 % percentile bootstrap (Efron 1979) of hit_rate over whole clips.
Interval bootstrap_hit_rate(std::span<const double> hits, std::span<const double> totals, Rng rng,
                            int32_t resamples = kBootstrapResamples);

// One comparison of two clips of a verification task.
struct VerificationTrial {
  int64_t first = 0, second = 0;  // clip numbers, 0-based
  bool target = false;            // same speaker
  double score = 0;               // higher: more alike
};

// Equal error rate in [0, 1]: where the share of rejected targets meets the share of accepted
// non-targets, on the line between the two neighbouring points of the ROC; equal scores are one
// point. 0.5 when one kind is missing.
double equal_error_rate(std::span<const VerificationTrial> trials);
// Detection cost of NIST's speaker recognition evaluations.
struct DetectionCost {
  double p_target = 0.01;  // share of target trials that is assumed
  double c_miss = 1, c_false_alarm = 1;
};
// The lowest cost over all thresholds, c_miss P_miss p_target + c_false_alarm P_fa (1 - p_target),
// divided by that of the better system without scores, min(c_miss p_target, c_false_alarm (1 -
// p_target)): in [0, 1] (NIST SRE 2016 evaluation plan, section 3; as in Kaldi's
// compute_min_dcf.py). 1 when one kind of trial is missing.
double min_detection_cost(std::span<const VerificationTrial> trials, DetectionCost cost = {});

// 95 % percentile bootstrap over clips: a clip drawn k times weighs each of its trials k times.
struct VerificationIntervals {
  Interval equal_error_rate, min_detection_cost;
};
VerificationIntervals bootstrap_verification(std::span<const VerificationTrial> trials,
                                             int64_t clips, Rng rng,
                                             int32_t resamples = kBootstrapResamples);

// Two systems on the same clips: a resample draws the same clips for both (Efron and Tibshirani
// 1993, chapter 16).
struct PairedTest {
  double difference = 0;  // the first less the second
  Interval interval;      // 95 % percentile bootstrap
  // Two-sided: twice the share of resamples whose difference is not on the side of `difference`,
  // (count + 1) / (resamples + 1), at most 1.
  double p = 1;
};
// Of hit_rate(). All of one size.
struct ClipCounts {
  std::span<const double> hits, totals;
};
PairedTest paired_hit_rates(ClipCounts a, ClipCounts b, Rng rng,
                            int32_t resamples = kBootstrapResamples);
// The same trials with the scores of each system.
struct PairedVerification {
  PairedTest equal_error_rate, min_detection_cost;
};
PairedVerification paired_verification(std::span<const VerificationTrial> a,
                                       std::span<const VerificationTrial> b, int64_t clips, Rng rng,
                                       int32_t resamples = kBootstrapResamples);

}  // namespace concertina
