// ABX discriminability of phones (Schatz et al. 2013; ZeroSpeech): of tokens A and X of one phone and B
// of another, all between the same neighbours, is X nearer to A than to B? No training, chance is 1/2.
//
//   error = mean over ordered pairs of phones (A's, B's)
//             of the mean over speakers (of A and B; with those of X)
//               of the mean over contexts (phone before, phone after)
//                 of the mean over triples of [d(A,X) > d(B,X)] + 1/2 [d(A,X) = d(B,X)]
//
// Plain numbers, no tensors.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/rng.h"
#include "eval/metrics.h"

namespace concertina {

// A segment of a clip; labels are numbers.
struct AbxToken {
  int64_t clip = 0;
  double start_s = 0, end_s = 0;
  int64_t phone = 0, before = 0, after = 0, speaker = 0;
};

struct AbxTriple {
  int64_t a = 0, b = 0, x = 0;                  // tokens; a and x differ
  int64_t pair = 0, speakers = 0, context = 0;  // numbers: what its error is averaged over
};

enum class AbxSpeakers {
  kWithin,  // all three tokens are of one speaker
  kAcross,  // A and B are of one speaker, X is of another
};

// Up to `most` different triples: all, or a sample that gives each pair of phones the same number as
// far as it has them, and each speaker and context of a pair in turn. Ordered by pair, speakers and
// context; depends on the tokens and `rng` alone.
std::vector<AbxTriple> draw_abx_triples(std::span<const AbxToken> tokens, AbxSpeakers speakers,
                                        int64_t most, const Rng& rng);

// In [0, 1]; `errors` of each triple, 0, 1/2 or 1. Triples as drawn. 0.5 when there is none.
double abx_error(std::span<const AbxTriple> triples, std::span<const double> errors);

// 95 % percentile bootstrap over clips: a clip drawn k times weighs its triples k times, the product
// for triples of several clips.
Interval bootstrap_abx(std::span<const AbxToken> tokens, std::span<const AbxTriple> triples,
                       std::span<const double> errors, Rng rng,
                       int32_t resamples = kBootstrapResamples);

}  // namespace concertina
