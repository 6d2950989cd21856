// How many frames a front end makes of so many samples, and back.
#pragma once

#include <cstddef>
#include <cstdint>

#include "supernet/space/blueprint.h"

namespace concertina {

// Outputs of a convolution (or of framing) without padding: floor((inputs - kernel) / stride) + 1,
// 0 where the input is shorter than the kernel.
int64_t conv_outputs(int64_t inputs, int64_t kernel, int64_t stride);

// Outputs of the first `layers` convolutions of the stack; inputs are samples.
int64_t conv_outputs(const WaveFrontEnd& wave, size_t layers, int64_t samples);

// The fewest samples of which the first `layers` convolutions make `outputs` outputs, at least 1.
int64_t conv_inputs(const WaveFrontEnd& wave, size_t layers, int64_t outputs);

// Whisper's mel frames, one for each whole hop; 0 where the clip is too short to be mirrored at its
// ends by half a window.
int64_t whisper_mel_frames(int64_t samples);
// Base frames: half of them, rounded up.
int64_t whisper_frames(int64_t samples);

// The fewest samples that make so many base frames; of one frame: its receptive field. With
// Whisper's front end, which mirrors a clip at its ends, whole frames: frames * 320.
int64_t samples_for_frames(const Blueprint& blueprint, int64_t frames);

// Where the first base frame is centred, in samples: half its receptive field; 0 with Whisper's
// front end, whose frames begin half a receptive field before the clip.
double first_centre(const Blueprint& blueprint);

// Frame t of `a` is nearest in time to frame t + frame_shift(a, b) of `b`. Both of one base frame.
int32_t frame_shift(const Blueprint& a, const Blueprint& b);

// Frames after the rate unit, at least 1 when base_frames > 0: round(base_frames * base period /
// period) for CIF, base_frames / (period / base period) rounded down where whole frames are joined.
int64_t compressed_frames(const Blueprint& blueprint, int64_t base_frames, int32_t frame_period_us);

}  // namespace concertina
