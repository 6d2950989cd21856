// Inside eval: who of two speakers speaks when. A frame's activity has bit 0 set where the first speaker
// speaks and bit 1 where the second does.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "eval/clip_probe.h"

namespace concertina {

using Activity = std::vector<uint8_t>;

// Frames times speakers; the diarization error rate is errors() / speech, of sums over recordings.
struct DiarizationErrors {
  double missed = 0, false_alarms = 0;  // reference speakers that have none, and the reverse
  double confused = 0;                  // that have the other one
  double speech = 0;                    // of the reference
  double errors() const { return missed + false_alarms + confused; }
};

// As NIST's md-eval and dscore count (Fiscus et al. 2006), which s3prl calls with collar 0, frame by
// frame: under the assignment of hypothesised to reference speakers with the fewest errors, without
// frames that are less than `collar` frames from where a reference speaker begins or ends. Equal sizes.
DiarizationErrors diarization_errors(const Activity& reference, const Activity& hypothesis,
                                     int64_t collar = 0);

// The median of `width` (odd) frames around each one, of each speaker; silence outside, as
// scipy.signal.medfilt.
Activity median_filtered(const Activity& activity, int64_t width);

// A speaker is active where the probability of scores [T, 2], before the sigmoid, is above the threshold.
Activity activity_above(const at::Tensor& scores, double threshold);

// Loss of logits [T, 2]: the binary cross-entropy, a mean over frames and speakers, under the assignment
// of outputs to speakers for which it is least (permutation-invariant training, Yu et al. 2017, as EEND
// and s3prl). One frame for each of the activity, at least one.
ClipLoss permutation_invariant_loss(const Activity& activity, const at::Tensor& logits);

// Where a recording of one speaker is speech, in steps of kActivityStep samples: power within 30 dB of
// its loudest step, median of 11 steps.
inline constexpr int64_t kActivityStep = 160;  // 10 ms
Activity speech_steps(std::span<const float> samples);
// The mean power of the steps that are speech; 0 where none is.
double speech_power(std::span<const float> samples, const Activity& steps);

}  // namespace concertina
