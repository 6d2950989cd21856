// Inside eval: connectionist temporal classification (Graves et al. 2006) of one clip: the sum over all
// class sequences of its frames that are its symbols once repeats and blanks (class 0) are removed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace concertina {

inline constexpr int64_t kBlank = 0;  // the class of no symbol; symbols are classes 1, 2, ...

struct CtcPosteriors {
  // -log of the sum; infinite where the clip has fewer frames than its symbols need, or log_p is not
  // finite.
  double loss = 0;
  // [T, C]: the share of the sum in which frame t is class c; empty where the loss is infinite. The
  // gradient of the loss by logits whose log_softmax is log_p is exp(log_p) - shares.
  std::vector<float> shares;
};

// log_p [T, C]: normalised in each frame. At least one symbol, below C; at least one frame. Forward and
// backward sums are of probabilities in double that are scaled to sum 1 in each frame, which takes a
// fifth of the time of sums of logarithms; these are taken where probabilities underflow.
CtcPosteriors ctc_posteriors(std::span<const float> log_p, int64_t classes,
                             std::span<const int64_t> symbols);

}  // namespace concertina
