// The clips of one task, and how many of them count.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "eval/options.h"
#include "speech/manifest.h"

namespace concertina {

// The corpus, or what `tasks.data` names for the task: a manifest of its own or a list of the
// corpus's clips (read_clips). Its audio paths hold from the working directory. InputError, SystemError.
Manifest task_manifest(const Manifest& corpus, const TaskOptions& options, const std::string& task);

using ClipClass = std::pair<int64_t, int64_t>;  // index into a manifest, class

// How many clips a fidelity below 1 leaves at least, where there are so many.
struct LeastClips {
  int64_t per_class = 0, in_all = 0;
};
// Classes are labels of whole clips (speakers, keywords).
inline constexpr LeastClips kLeastTraining{3, 0}, kLeastScored{3, 100};
// pr: one class, for every clip has most phones. Two for each fold; 20 are some 10,000 frames.
inline constexpr LeastClips kLeastPhoneTraining{8, 8}, kLeastPhoneScored{20, 20};

// min(all, max(least, ceil(share all))), less a rounding error: 0.1 of 30 are 3.
int64_t count_at_share(int64_t all, double share, int64_t least);

// The clips of one part that count at a fidelity: of each class of n clips
//   count_at_share(n, share, least.per_class),  share = max(fidelity, least.in_all / all clips).
// Which ones depends on ids, groups and speakers alone: first one clip of each group (without
// groups: of each speaker) in the order of the ids' SHA-256, then a second of each, and so on. So a
// lower fidelity's clips are among those of a higher one, and few clips are of many groups. The
// order of `clips` is kept. At 1 these are all of them.
std::vector<ClipClass> clips_at_fidelity(const Manifest& manifest, std::span<const ClipClass> clips,
                                         double fidelity, LeastClips least);

}  // namespace concertina
