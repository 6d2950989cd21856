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
#include <set>
#include <span>
#include <vector>

#include "core/rng.h"

namespace concertina {

// A segment of a clip; labels are numbers.
struct AbxToken {
  int64_t clip = 0;
  double start_s = 0, end_s = 0;
  int64_t phone = 0, before = 0, after = 0, speaker = 0;
};

// Labelled segments of a clip, end to end; labels are numbers. Not owned.
struct AbxPhones {
  std::span<const double> ends_s;  // ascending; the first segment begins at 0
  std::span<const int64_t> labels;
  const std::set<int64_t>& pauses;
};
// Every segment that is no pause, lies between two others and ends by `until_s`. `of_clip` has the
// clip and the speaker.
void add_abx_tokens(const AbxPhones& phones, const AbxToken& of_clip, double until_s,
                    std::vector<AbxToken>& tokens);

struct FrameTimes {
  double centre_s = 0;  // of the first frame
  double period_s = 0;
  int64_t frames = 0;  // at least 1
};
struct FrameRange {
  int64_t first = 0, count = 0;
};
// Frames whose centres are in the segment, or the one that is nearest to its middle.
FrameRange token_frames(const AbxToken& token, const FrameTimes& times);

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

// Of one triple: 1 where A is farther from X than B is, 1/2 where both are equally far, else 0.
double abx_triple_error(double to_a, double to_b);

// In [0, 1]; `errors` of each triple. Triples as drawn. 0.5 when there is none.
double abx_error(std::span<const AbxTriple> triples, std::span<const double> errors);
// The mean over triples weighted; what has no weight is left out of the means above.
double weighted_abx_error(std::span<const AbxTriple> triples, std::span<const double> errors,
                          std::span<const double> weights);

}  // namespace concertina
