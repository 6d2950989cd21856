#include "speech/audio.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "core/errors.h"
#include "core/file_handle.h"
#include "core/mapped_file.h"
#include "speech/resample.h"

namespace concertina {
namespace {

struct CloseSound {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using Sound = std::unique_ptr<SNDFILE, CloseSound>;

struct Memory {
  std::span<const std::byte> bytes;
  sf_count_t position = 0;
};

sf_count_t memory_size(void* user) {
  return static_cast<sf_count_t>(static_cast<Memory*>(user)->bytes.size());
}
sf_count_t memory_tell(void* user) { return static_cast<Memory*>(user)->position; }

sf_count_t memory_seek(sf_count_t offset, int whence, void* user) {
  auto* memory = static_cast<Memory*>(user);
  const sf_count_t base = whence == SEEK_SET   ? 0
                          : whence == SEEK_CUR ? memory->position
                                               : memory_size(user);
  memory->position = std::clamp<sf_count_t>(base + offset, 0, memory_size(user));
  return memory->position;
}

sf_count_t memory_read(void* out, sf_count_t count, void* user) {
  auto* memory = static_cast<Memory*>(user);
  const sf_count_t n = std::clamp<sf_count_t>(memory_size(user) - memory->position, 0, count);
  std::memcpy(out, memory->bytes.data() + memory->position, static_cast<size_t>(n));
  memory->position += n;
  return n;
}

sf_count_t memory_write(const void*, sf_count_t, void*) { return 0; }

// sf_strerror of a failed open reads a global that other threads write, so it is not used.
InputError not_audio(const std::string& name) {
  return InputError(
      name + ": not an audio file: in no format that libsndfile reads, or its header is damaged");
}

// Blocks of an audio file with its channels averaged.
class MonoReader {
 public:
  MonoReader(Sound sound, const SF_INFO& info, std::string name)
      : sound_(std::move(sound)),
        channels_(static_cast<size_t>(info.channels)),
        name_(std::move(name)),
        block_(static_cast<size_t>(kBlockFrames) * channels_) {}

  // Appends a block; false at the end.
  bool read(std::vector<float>& mono) {
    const sf_count_t n = sf_readf_float(sound_.get(), block_.data(), kBlockFrames);
    if (n <= 0 && read_ == 0) throw InputError(fmt::format("{}: holds no samples", name_));
    for (size_t i = 0; i < static_cast<size_t>(std::max<sf_count_t>(n, 0)); ++i) {
      float sum = 0;
      for (size_t c = 0; c < channels_; ++c) sum += block_[i * channels_ + c];
      if (!std::isfinite(sum))
        throw InputError(fmt::format("{}: holds samples that are not numbers", name_));
      mono.push_back(sum / static_cast<float>(channels_));
    }
    read_ += std::max<sf_count_t>(n, 0);
    return n > 0;
  }
  int64_t samples() const { return read_; }

 private:
  static constexpr sf_count_t kBlockFrames = 1 << 14;
  Sound sound_;
  size_t channels_;
  std::string name_;
  std::vector<float> block_;
  int64_t read_ = 0;
};

void check_format(const SF_INFO& info, const std::string& name) {
  if (info.channels < 1 || info.samplerate < 100 || info.samplerate > 1'000'000) {
    throw InputError(fmt::format("{}: not an audio file: {} channels at {} Hz", name, info.channels,
                                 info.samplerate));
  }
}

Audio decode(Sound sound, const SF_INFO& info, const std::string& name, int32_t sample_rate) {
  check_format(info, name);
  Audio audio;
  audio.sample_rate = sample_rate;
  // The header's frame count is not trusted: memory grows with the samples that are decoded.
  std::vector<float> mono;
  MonoReader reader(std::move(sound), info, name);
  while (reader.read(mono)) continue;
  audio.source = {info.samplerate, info.channels, static_cast<int64_t>(mono.size())};
  audio.samples = resample(mono, info.samplerate, sample_rate, name);
  if (audio.samples.empty()) throw InputError(fmt::format("{}: holds no samples", name));
  return audio;
}

void check_readable(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path))
    throw InputError(path.string() + ": is a folder, not an audio file");
  std::array<char, 1> first{};
  if (FileHandle(path, O_RDONLY, "read").read_some(first) == 0)
    throw InputError(path.string() + ": not an audio file: empty (0 bytes)");
}

bool is_g722(const std::filesystem::path& path) { return path.extension() == ".g722"; }

// `info` is empty unless the bytes have no header.
Audio decode_memory(std::span<const std::byte> bytes, SF_INFO info, const std::string& name,
                    int32_t sample_rate) {
  if (bytes.empty()) throw InputError(name + ": not an audio file: empty (0 bytes)");
  Memory memory{bytes};
  SF_VIRTUAL_IO io{memory_size, memory_seek, memory_read, memory_write, memory_tell};
  Sound sound(sf_open_virtual(&io, SFM_READ, &info, &memory));
  if (!sound) throw not_audio(name);
  return decode(std::move(sound), info, name, sample_rate);
}

Sound open_sound(const std::filesystem::path& path, SF_INFO& info) {
  check_readable(path);
  Sound sound(sf_open(path.c_str(), SFM_READ, &info));
  if (!sound) throw not_audio(path.string());
  return sound;
}

}  // namespace

Audio read_audio(const std::filesystem::path& path, int32_t sample_rate) {
  if (is_g722(path)) {
    check_readable(path);
    Audio audio = decode_g722(MappedFile(path).bytes());
    audio.samples = resample(audio.samples, audio.sample_rate, sample_rate, path.string());
    audio.sample_rate = sample_rate;
    return audio;
  }
  SF_INFO info{};
  Sound sound = open_sound(path, info);
  return decode(std::move(sound), info, path.string(), sample_rate);
}

Audio decode_audio(std::span<const std::byte> bytes, const std::string& name, int32_t sample_rate) {
  return decode_memory(bytes, SF_INFO{}, name, sample_rate);
}

Audio decode_raw(std::span<const std::byte> bytes, RawCoding coding, int32_t stored_rate,
                 const std::string& name) {
  SF_INFO info{};
  info.samplerate = stored_rate;
  info.channels = 1;
  info.format =
      SF_FORMAT_RAW | (coding == RawCoding::kGsm610 ? SF_FORMAT_GSM610 : SF_FORMAT_PCM_U8);
  return decode_memory(bytes, info, name, kClipSampleRate);
}

struct AudioStream::State {
  AudioInfo info;
  std::optional<Audio> whole;  // raw G.722
  std::optional<MonoReader> reader;
  Resampler resampler;
  bool ended = false;
  std::vector<float> block;

  bool next_block() {
    block.clear();
    if (!whole) return reader->read(block);
    block.swap(whole->samples);
    return !block.empty();
  }
};

AudioStream::AudioStream(const std::filesystem::path& path, int32_t sample_rate) {
  const std::string name = path.string();
  if (is_g722(path)) {
    Audio audio = read_audio(path, sample_rate);
    const AudioInfo info = audio.source;
    state_ = std::make_unique<State>(State{info,
                                           std::move(audio),
                                           std::nullopt,
                                           Resampler(sample_rate, sample_rate, name),
                                           false,
                                           {}});
    return;
  }
  SF_INFO info{};
  Sound sound = open_sound(path, info);
  check_format(info, name);
  state_ = std::make_unique<State>(State{{info.samplerate, info.channels, 0},
                                         std::nullopt,
                                         MonoReader(std::move(sound), info, name),
                                         Resampler(info.samplerate, sample_rate, name),
                                         false,
                                         {}});
}

AudioStream::~AudioStream() = default;
AudioStream::AudioStream(AudioStream&&) noexcept = default;
AudioStream& AudioStream::operator=(AudioStream&&) noexcept = default;

bool AudioStream::read(std::vector<float>& into) {
  const size_t before = into.size();
  while (!state_->ended && into.size() == before) {
    if (state_->next_block()) {
      state_->resampler.add(state_->block, into);
    } else {
      state_->ended = true;
      state_->resampler.finish(into);
    }
  }
  return into.size() > before;
}

AudioInfo AudioStream::source() const {
  AudioInfo info = state_->info;
  if (state_->reader) info.samples = state_->reader->samples();
  return info;
}

AudioInfo audio_info(const std::filesystem::path& path) {
  if (is_g722(path)) {
    check_readable(path);
    return {kClipSampleRate, 1, static_cast<int64_t>(std::filesystem::file_size(path)) * 2};
  }
  SF_INFO info{};
  const Sound sound = open_sound(path, info);
  return {info.samplerate, info.channels, info.frames};
}

}  // namespace concertina
