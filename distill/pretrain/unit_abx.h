// How well units discriminate phones, where the corpus has labels of them.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "speech/joined_clips.h"

namespace concertina {

// ABX error within speakers (speech/abx.h), in [0, 1], chance 0.5: tokens are the units of a phone's
// frames, their distance is dynamic time warping over 0 between frames of one unit and 1 between
// others, as for one-hot features. Up to 5,000 triples of up to 2,000 clips, always the same of a
// corpus. Nothing where no phone occurs twice between the same neighbours, and another between them,
// of one speaker. `units` [clips.total_frames()] integers. InputError for a label file that cannot
// be read.
std::optional<double> unit_abx_error(const at::Tensor& units, const JoinedClips& clips);

}  // namespace concertina
