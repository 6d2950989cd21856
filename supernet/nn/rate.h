// Sequence compression. Continuous integrate-and-fire (CIF; Dong & Xu 2020, OFA sequence
// compression, Chen 2022), as a matrix of overlaps so that it is exact, differentiable and can be
// inverted to the base frame rate; and joining of whole frames (FitHuBERT, Lee 2022).
//
// Frame t carries weight w_t >= 0 and owns the interval [c_{t-1}, c_t] of the cumulated weights;
// output slot k is [k, k+1]. A[k, t] is the length of their overlap: each full output's row sums to
// 1.
#pragma once

#include <ATen/ATen.h>

#include "supernet/nn/weights.h"

namespace concertina {

struct Compression {
  at::Tensor forward;  // [B, T', T]: compressed = forward x frames
  at::Tensor back;     // [B, T, T']: base frames = back x compressed; rows of valid frames sum to 1
  at::Tensor lengths;  // [B] int64, valid compressed frames
};

// Weights alpha_t in (0, 1) of the alpha net, features [B, T, C] -> [B, T], zero where not
// valid; fp64 where gradients are off, else fp32.
at::Tensor cif_alpha(const at::Tensor& features, const at::Tensor& valid,
                     const RateWeights& weights);

// Scales alpha so that each utterance yields exactly target[b] frames. `target` [B] int64 (host
// tensor).
Compression cif(const at::Tensor& alpha, const at::Tensor& target);

// Joins every `joined` frames [B, T, E]: T / joined rounded down, at least 1; remaining frames are
// dropped, and missing ones of the first are zero. `unit`: conv [E, E, joined] or linear [E, joined
// * E]; undefined: their mean.
at::Tensor join_frames(const at::Tensor& x, int64_t joined, const Affine& unit);

// From joined frames to base frames, [B, T, T']: frame t of an utterance is joined frame t / joined
// rounded down, dropped frames are the last one. `lengths` [B] int64 on the CPU: joined frames.
at::Tensor joined_back_map(int64_t frames, int64_t joined, const at::Tensor& lengths,
                           at::Device device);

}  // namespace concertina
