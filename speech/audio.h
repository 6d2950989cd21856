// Audio in and out: any file libsndfile reads (WAV, FLAC, Ogg, MP3) and raw G.722, as 16 kHz mono floats in [-1, 1].
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace concertina {

struct AudioInfo {
  int32_t sample_rate = 0;  // Hz, as stored
  int32_t channels = 0;
  int64_t samples = 0;      // per channel, at the stored rate
};

struct Audio {
  std::vector<float> samples;  // mono
  int32_t sample_rate = 16000;
  AudioInfo source;            // what the file held before mixing and resampling
};

// Decodes the whole file, averages the channels and resamples with soxr. InputError when it is not audio or holds no
// samples ("x.wav: not an audio file: ..."), SystemError when it cannot be opened.
Audio read_audio(const std::filesystem::path& path, int32_t sample_rate = 16000);
Audio decode_audio(std::span<const std::byte> bytes, const std::string& name, int32_t sample_rate = 16000);
Audio decode_g722(std::span<const std::byte> bytes);              // 64 kbit/s, 16 kHz

AudioInfo audio_info(const std::filesystem::path& path);

// Reads `count` samples from `first` of a 16-bit mono WAV written by write_wav; no resampling. Thread-safe.
void read_wav_segment(const std::filesystem::path& path, int64_t first, std::span<float> out);
void write_wav(const std::filesystem::path& path, std::span<const float> samples, int32_t sample_rate = 16000);

}  // namespace concertina
