// What a student says of clips before a teacher is asked about any: a feature of each, by which diverse ones can be
// chosen, and how uncertain it is of them (speech/selection.h).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/rng.h"
#include "core/stop.h"
#include "speech/manifest.h"
#include "supernet/model/supernet.h"

namespace concertina {

struct ClipStates {
  at::Tensor features;  // [n, E] float: the mean last output, standardised over the clips
  std::vector<double> uncertainty;  // [n] nats: mean over frames of frame_entropy()
};

struct ClipStatesOptions {
  double seconds = 15;      // of each clip that are read, at most: its beginning
  int32_t clusters = 32;    // centroids of the student's frames,
  int64_t fitted_on = 200;  // by k-means on the frames of this many random clips
};

// `clips`: indices into the manifest. Clips are encoded one by one, in fp32. Errors of reading as
// read_audio(); Interrupted.
ClipStates clip_states(const Subnet& student, const Manifest& manifest,
                       std::span<const size_t> clips, const ClipStatesOptions& options,
                       const Rng& rng, const StopToken& stop);

// [T] nats, for frames [T, E] and centroids [K, E]: entropy of p_k ~ exp(-|x - c_k|^2 / temperature)
// (our form of uncertainty: no labels and no teacher are needed). Between 0 and log K.
at::Tensor frame_entropy(const at::Tensor& frames, const at::Tensor& centroids, double temperature);

}  // namespace concertina
