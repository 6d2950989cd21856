// Acoustic units for masked prediction: k-means clusters of features of 20 ms frames (HuBERT).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>

#include "core/rng.h"
#include "distill/pretrain/options.h"
#include "speech/joined_clips.h"
#include "supernet/model/supernet.h"

namespace concertina {

// Features of clips first..last-1 (indices into clips.clips()): [frames, D] fp32, in the order of
// the joined clips.
using UnitFeatures = std::function<at::Tensor(const JoinedClips&, size_t first, size_t last)>;

// `splice` neighbouring 10 ms MFCC frames of the same clip, concatenated, after cepstral mean
// normalisation over the clip. The last MFCC windows of a clip extend up to 15 ms into the next of
// the joined clips, as crops do.
UnitFeatures mfcc_features(const UnitOptions& options);

// The output of a layer (from 1) of a trained model's largest architecture, each clip encoded
// alone, in segments of 30 s: HuBERT's later iterations. InputError when the model has no such
// layer, or other frames than 20 ms at 16 kHz.
UnitFeatures layer_features(const Supernet& model, int32_t layer, at::ScalarType dtype,
                            at::Device device);

struct UnitFit {
  at::Tensor centroids;   // [clusters, D]
  double distortion = 0;  // mean squared distance of the sampled frames to their centroids
};
// Fitted on `sample_frames` frames of randomly chosen clips. InputError when there are fewer frames
// than clusters.
UnitFit fit_units(const JoinedClips& clips, const UnitOptions& options,
                  const UnitFeatures& features, const Rng& rng);

// The unit of every frame of the joined clips: [total_frames] int16.
at::Tensor label_frames(const JoinedClips& clips, const UnitFeatures& features,
                        const at::Tensor& centroids);

}  // namespace concertina
