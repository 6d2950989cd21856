// Acoustic units for masked prediction: k-means on spliced MFCC. A 20 ms frame is described by
// `splice` neighbouring 10 ms MFCC frames of its own clip, whose mean over the clip is removed.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <string>

#include "core/rng.h"
#include "distill/options.h"
#include "speech/joined_clips.h"

namespace concertina {

// [frames, splice * coefficients] features of clips first..last-1 (indices into clips.clips()), in
// stream order. The last MFCC windows of a clip reach up to 15 ms into the next clip of the stream,
// as the crops do.
at::Tensor unit_features(const JoinedClips& clips, size_t first, size_t last,
                         const UnitOptions& options);

// Centroids [clusters, D] fitted on `sample_frames` frames of randomly chosen clips. InputError
// when there are fewer frames than clusters.
at::Tensor fit_units(const JoinedClips& clips, const UnitOptions& options, const Rng& rng);

// The unit of every frame of the stream: [total_frames] int16.
at::Tensor label_frames(const JoinedClips& clips, const UnitOptions& options,
                        const at::Tensor& centroids);

}  // namespace concertina
