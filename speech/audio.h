// Audio in and out: any file libsndfile reads (WAV, FLAC, Ogg, MP3) and raw G.722 (*.g722), as 16
// kHz mono floats with full scale at 1. Everything here is thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace concertina {

struct AudioInfo {
  int32_t sample_rate = 0;  // Hz, as stored
  int32_t channels = 0;
  int64_t samples = 0;  // per channel, at the stored rate
};

struct Audio {
  std::vector<float> samples;  // mono
  int32_t sample_rate = 16000;
  AudioInfo source;  // what the file held before mixing and resampling
};

// Decodes the whole file, averages the channels and resamples with soxr (HQ). InputError when it is
// not audio or holds no samples ("x.wav: not an audio file: ..."), SystemError when it cannot be
// opened.
Audio read_audio(const std::filesystem::path& path, int32_t sample_rate = 16000);
// The same for a file in memory; `name` stands in the error messages.
Audio decode_audio(std::span<const std::byte> bytes, const std::string& name,
                   int32_t sample_rate = 16000);
Audio decode_g722(std::span<const std::byte> bytes);  // ITU-T G.722, 64 kbit/s, 16 kHz

// The samples of read_audio, piece by piece: memory does not grow with the file (raw G.722, which
// is decoded at once, excepted). Not thread-safe.
class AudioStream {
 public:
  explicit AudioStream(const std::filesystem::path& path, int32_t sample_rate = 16000);
  ~AudioStream();
  AudioStream(AudioStream&&) noexcept;
  AudioStream& operator=(AudioStream&&) noexcept;

  // Appends the next samples; false when there are no more. Errors as read_audio's.
  bool read(std::vector<float>& into);
  AudioInfo source() const;  // `samples` counts those read so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

AudioInfo audio_info(const std::filesystem::path& path);  // reads the header only

// Where the samples of a 16-bit PCM mono WAV lie, or nothing when `path` is not one. SystemError
// when it cannot be opened.
struct WavLayout {
  int64_t data_offset = 0;  // bytes
  int64_t samples = 0;      // whole samples that the file really holds
  int32_t sample_rate = 0;
};
std::optional<WavLayout> wav_layout(const std::filesystem::path& path);

// Reads out.size() samples from sample `first` of a 16-bit mono WAV; no resampling, nothing cached.
// InputError when the file is no such WAV or ends before.
void read_wav_segment(const std::filesystem::path& path, int64_t first, std::span<float> out);
// 16-bit mono; values beyond full scale saturate. Written in place, not atomically: a corpus is
// committed by its manifest, and syncing ten thousand clips would cost minutes. SystemError when it
// cannot be written.
void write_wav(const std::filesystem::path& path, std::span<const float> samples,
               int32_t sample_rate = 16000);
std::vector<int16_t> to_int16(std::span<const float> samples);  // what write_wav stores
std::string pcm_hash(std::span<const float> samples);  // of what write_wav stores: 16 hex digits

}  // namespace concertina
