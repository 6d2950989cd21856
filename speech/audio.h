// Reading and writing audio: any format that libsndfile reads (WAV, FLAC, Ogg, MP3) and raw G.722
// (*.g722), as 16 kHz mono floats with full scale at 1. All functions are thread-safe.
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

inline constexpr int32_t kClipSampleRate = 16000;  // Hz, of the clips of a corpus

struct AudioInfo {
  int32_t sample_rate = 0;  // Hz, as stored
  int32_t channels = 0;
  int64_t samples = 0;  // per channel, at the stored rate
};

struct Audio {
  std::vector<float> samples;  // mono
  int32_t sample_rate = kClipSampleRate;
  AudioInfo source;  // what the file held before mixing and resampling
};

// Decodes the whole file, averages the channels and resamples with soxr (HQ). InputError when it is
// not audio or has no samples ("x.wav: not an audio file: ..."), SystemError when it cannot be
// opened.
Audio read_audio(const std::filesystem::path& path, int32_t sample_rate = kClipSampleRate);
// The same for a file in memory; `name` is used in error messages.
Audio decode_audio(std::span<const std::byte> bytes, const std::string& name,
                   int32_t sample_rate = kClipSampleRate);
Audio decode_g722(std::span<const std::byte> bytes);  // ITU-T G.722, 64 kbit/s, 16 kHz

// Mono audio without a header, at `stored_rate` Hz. GSM 06.10: frames of 33 bytes, 160 samples each.
// InputError when there are no samples.
enum class RawCoding { kGsm610, kUnsigned8 };
Audio decode_raw(std::span<const std::byte> bytes, RawCoding coding, int32_t stored_rate,
                 const std::string& name);

// The samples of read_audio, piece by piece: memory does not grow with the length of the file
// (except for raw G.722, which is decoded at once). Not thread-safe.
class AudioStream {
 public:
  explicit AudioStream(const std::filesystem::path& path, int32_t sample_rate = kClipSampleRate);
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

// Position of the samples of a 16-bit PCM mono WAV, or nothing when `path` is not one. SystemError
// when it cannot be opened.
struct WavLayout {
  int64_t data_offset = 0;  // bytes
  int64_t samples = 0;      // complete samples in the file, whatever its header says
  int32_t sample_rate = 0;
};
std::optional<WavLayout> wav_layout(const std::filesystem::path& path);

// Reads out.size() samples from sample `first` on of a 16-bit mono WAV, without resampling.
// InputError when the file is not such a WAV or ends before.
void read_wav_segment(const std::filesystem::path& path, int64_t first, std::span<float> out);
// 16-bit mono; values beyond full scale saturate. Written in place, not atomically: a corpus is
// committed by its manifest, and syncing ten thousand clips would cost minutes. SystemError when it
// cannot be written.
void write_wav(const std::filesystem::path& path, std::span<const float> samples,
               int32_t sample_rate = kClipSampleRate);
// All samples of a 16-bit mono WAV, or nothing when `path` is not one.
std::optional<std::vector<float>> read_wav(const std::filesystem::path& path);
std::vector<int16_t> to_int16(std::span<const float> samples);  // as stored by write_wav
// Of the samples as stored by write_wav: 16 hex digits.
std::string pcm_hash(std::span<const float> samples);

}  // namespace concertina
