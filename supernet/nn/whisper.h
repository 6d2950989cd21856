// Whisper's front end (Radford et al. 2022): log-mel energies, and two convolutions that halve their
// rate. Thread-safe.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "supernet/nn/weights.h"

namespace concertina {

// waveform [B, N] float in [-1, 1], `lengths` [B] int64 on the CPU: valid samples, more than 200.
// -> [B, F, bins], F = whisper_mel_frames(N); frames after a clip's own are zero. A clip's values
// depend on its own samples only.
//
// Frame f is centred on sample 160 f of the clip, which is mirrored at both ends (200 samples; the
// frame centred on the end, where there is one, is left out). Power spectrum of 400 samples under a
// periodic Hann window; triangular filters from 0 Hz to half the sample rate, evenly spaced on
// Slaney's mel scale (linear below 1000 Hz, 200 Hz for 3 mel; above, a factor of 6.4 for 27 mel) and
// each of area 1 in Hz (height 2 / width); x = log10(max(power, 1e-10)), raised to at least the
// clip's maximum - 8; then (x + 4) / 4.
at::Tensor whisper_log_mel(const at::Tensor& waveform, const at::Tensor& lengths, int64_t bins,
                           int32_t sample_rate);

// [B] lengths in samples -> [B] whisper_mel_frames of each; int64 on the CPU.
at::Tensor whisper_mel_lengths(const at::Tensor& lengths);

// mel [B, 2T, bins], zero where not valid; `mel_lengths` [B] int64 on the CPU. -> [B, T, E]:
// convolutions with kernel 3 and one frame of zeros at both ends of a clip, the second with stride
// 2, each followed by GELU. Frames after a clip's own have no meaning.
at::Tensor whisper_stem(const StemWeights& stem, const at::Tensor& mel,
                        const at::Tensor& mel_lengths);

// Whisper's table of positions [rows, width]; the formula is in supernet/space/tensor_table.h.
at::Tensor sinusoids(int64_t rows, int64_t width);

}  // namespace concertina
