// Encodes audio with a subnet: which hidden states, at which frame rate, with which padding; long
// audio in windows.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/stop.h"
#include "supernet/model/forward.h"
#include "supernet/space/windows.h"

namespace concertina {

struct EncoderOptions {
  std::string layers = "all", frames = "20ms", state0 = "hf", padding = "exact";

  bool native() const { return frames == "native"; }
  bool unmasked() const { return padding == "unmasked"; }  // padding is treated as audio
  bool exact() const { return padding == "exact"; }
};

// What one pass over a file gives.
struct AudioMeasure {
  int64_t samples = 0;                    // at the model's rate
  double mean = 0, variance = 0;          // of them
  int32_t channels = 0, sample_rate = 0;  // as stored
};
// Decodes the file piece by piece. InputError and SystemError as read_audio(), Interrupted when a
// stop was requested.
AudioMeasure measure_audio(const std::string& path, int32_t sample_rate, const StopToken& stop);

// In inference mode. Not thread-safe.
class Encoder {
 public:
  // InputError for hidden states that the subnet does not have.
  Encoder(const EncoderOptions& options, Subnet subnet, at::Device device);

  const Blueprint& blueprint() const { return subnet_.blueprint; }

  // [states, T, E] of each clip.
  std::vector<at::Tensor> operator()(const std::vector<std::vector<float>>& clips) const;

  // InputError for windows that are too short, or longer than the model's positions.
  std::vector<AudioWindow> windows(const AudioMeasure& audio, const WindowOptions& options) const;
  // [states, T, E] float on the CPU, T as in one piece. Reads the file piece by piece: memory is
  // that of the result and one window. Models that normalise the waveform use the whole file's mean
  // and variance. `before_window(i)` may throw.
  at::Tensor in_windows(const std::string& path, const AudioMeasure& audio,
                        const std::vector<AudioWindow>& windows,
                        const std::function<void(size_t)>& before_window) const;

 private:
  std::vector<at::Tensor> encoded(const Subnet& subnet,
                                  const std::vector<std::vector<float>>& clips) const;
  SpeechBatch batch_of(const std::vector<std::vector<float>>& clips) const;
  // Whisper's packages pad every clip to all positions and take the padding for audio.
  bool pads_to_positions() const;
  int64_t joined() const;
  at::Tensor state(const EncoderOutput& output, int32_t layer) const;
  int64_t frames(const Frames& all, int64_t row, int64_t samples) const;
  int64_t output_frames(int64_t base_frames) const;

  EncoderOptions options_;
  Subnet subnet_;
  at::Device device_;
  std::vector<int32_t> layers_;
  WantedOutputs wants_;
};

}  // namespace concertina
