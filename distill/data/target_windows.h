// The windows of audio from which cached teacher targets are computed.
//
// The teacher's context is as long as in training: windows of a crop's length that overlap by a
// third, or whole clips, those longer than `longest` in such windows of that length. So targets
// that are normalised over time have the same scale as those of crops. They are not identical,
// since crops and windows start at different frames.
#pragma once

#include <cstdint>
#include <vector>

#include "distill/data/options.h"
#include "speech/joined_clips.h"
#include "supernet/space/blueprint.h"

namespace concertina {

// A part of the joined clips that is encoded at once, and the part of it whose targets are kept.
struct TargetWindow {
  int64_t first = 0, frames = 0;            // base frames of the joined clips
  int64_t kept_first = 0, kept_frames = 0;  // the same
};

std::vector<TargetWindow> target_windows(const JoinedClips& clips, const Blueprint& blueprint,
                                         const BatchOptions& batch);

}  // namespace concertina
