// Log-mel energies and MFCCs on tensors: for the log-mel front end, the k-means units and the MFCC
// baseline.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "supernet/space/blueprint.h"

namespace concertina {

struct MelOptions {
  int32_t sample_rate = 16000;
  int32_t window = 400;  // samples, Hann (periodic)
  int32_t hop = 160;
  int32_t fft = 512;
  int32_t bins = 80;
  double low_hz = 20, high_hz = 7600;  // HTK mel scale, triangles of unit height
};

MelOptions mel_options(const Blueprint& blueprint);  // of its log-mel front end

// waveform [B, N] float in [-1, 1] -> natural log of mel power, floored at 1e-10: [B, F, bins], F =
// (N-window)/hop + 1 (frames lie wholly inside the signal; F = 0 when N < window).
at::Tensor log_mel(const at::Tensor& waveform, const MelOptions& options = {});

// Orthonormal DCT-II of log-mel: the first `count` coefficients (c0 included), [B, F, count].
at::Tensor mfcc(const at::Tensor& waveform, int32_t count, MelOptions options = {.bins = 40});

}  // namespace concertina
