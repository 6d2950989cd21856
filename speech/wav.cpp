// 16-bit mono WAV, the format of corpora: training reads crops of it directly from disk.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <string_view>

#include "core/errors.h"
#include "core/file_handle.h"
#include "core/hash.h"
#include "speech/audio.h"

namespace concertina {
namespace {

static_assert(std::endian::native == std::endian::little, "WAV files are little-endian");

FileHandle open_wav(const std::filesystem::path& path) { return {path, O_RDONLY, "read"}; }

template <class T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

bool has_tag(const char* at, const char* tag) { return std::memcmp(at, tag, 4) == 0; }

struct Format {
  uint16_t tag, channels, bits;
  uint32_t rate;
};

constexpr uint16_t kPcm = 1;
constexpr uint16_t kExtensible = 0xfffe;

std::optional<Format> read_format(const FileHandle& file, int64_t offset, uint32_t size) {
  std::array<char, 26> raw{};
  const auto wanted = std::span(raw).first(std::min<size_t>(size, raw.size()));
  if (size < 16 || file.read_at(offset, wanted) != wanted.size()) return std::nullopt;
  Format format{load<uint16_t>(&raw[0]), load<uint16_t>(&raw[2]), load<uint16_t>(&raw[14]),
                load<uint32_t>(&raw[4])};
  if (format.tag == kExtensible && size >= 26) format.tag = load<uint16_t>(&raw[24]);
  return format;
}

std::optional<WavLayout> layout_of(const FileHandle& file) {
  std::array<char, 12> head{};
  if (file.read_at(0, head) != head.size() || !has_tag(&head[0], "RIFF") ||
      !has_tag(&head[8], "WAVE"))
    return std::nullopt;
  const int64_t end = file.status().st_size;
  const auto chunk_head = std::span(head).first(8);
  std::optional<Format> format;
  for (int64_t at = 12; file.read_at(at, chunk_head) == chunk_head.size();) {
    const auto size = load<uint32_t>(&head[4]);
    if (has_tag(&head[0], "fmt ")) format = read_format(file, at + 8, size);
    if (has_tag(&head[0], "data")) {
      const bool ours = format && format->tag == kPcm && format->channels == 1 &&
                        format->bits == 16 && format->rate > 0 && format->rate <= 1'000'000;
      if (!ours) return std::nullopt;
      const int64_t bytes = std::min<int64_t>(size, end - at - 8);
      return WavLayout{at + 8, bytes / 2, static_cast<int32_t>(format->rate)};
    }
    at += 8 + static_cast<int64_t>(size) + (size & 1);
  }
  return std::nullopt;
}

}  // namespace

std::optional<WavLayout> wav_layout(const std::filesystem::path& path) {
  return layout_of(open_wav(path));
}

void read_wav_segment(const std::filesystem::path& path, int64_t first, std::span<float> out) {
  const FileHandle file = open_wav(path);
  const auto layout = layout_of(file);
  if (!layout) throw InputError(fmt::format("{}: not a 16-bit mono WAV file", path.string()));
  const auto count = static_cast<int64_t>(out.size());
  if (first < 0 || first > layout->samples - count) {
    throw InputError(fmt::format(
        "{}: holds {} samples, but samples {} to {} were asked for: the manifest is out of date",
        path.string(), layout->samples, first, first + count));
  }
  // The 16-bit samples are read into the upper half of `out` and widened from the front, so no
  // buffer is needed.
  const std::span<char> raw(reinterpret_cast<char*>(out.data()) + count * 2, out.size() * 2);
  if (file.read_at(layout->data_offset + first * 2, raw) != raw.size()) {
    throw InputError(fmt::format("{}: ended while it was read", path.string()));
  }
  for (int64_t i = 0; i < count; ++i) {
    int16_t value;
    std::memcpy(&value, raw.data() + i * 2, 2);
    out[static_cast<size_t>(i)] = static_cast<float>(value) / 32768.0F;
  }
}

std::optional<std::vector<float>> read_wav(const std::filesystem::path& path) {
  const auto layout = wav_layout(path);
  if (!layout) return std::nullopt;
  std::vector<float> samples(static_cast<size_t>(layout->samples));
  read_wav_segment(path, 0, samples);
  return samples;
}

std::vector<int16_t> to_int16(std::span<const float> samples) {
  std::vector<int16_t> result(samples.size());
  std::transform(samples.begin(), samples.end(), result.begin(), [](float x) {
    return static_cast<int16_t>(std::lrintf(std::clamp(x * 32768.0F, -32768.0F, 32767.0F)));
  });
  return result;
}

std::string pcm_hash(std::span<const float> samples) {
  const std::vector<int16_t> pcm = to_int16(samples);
  const std::string_view bytes(reinterpret_cast<const char*>(pcm.data()),
                               pcm.size() * sizeof(int16_t));
  return fmt::format("{:016x}", hash64(bytes));
}

void write_wav(const std::filesystem::path& path, std::span<const float> samples,
               int32_t sample_rate) {
  constexpr size_t kHeader = 44;
  if (samples.size() > (UINT32_MAX - kHeader) / 2) {
    throw InputError(
        fmt::format("{}: {} samples do not fit into a WAV file", path.string(), samples.size()));
  }
  const auto bytes = static_cast<uint32_t>(samples.size() * 2);
  std::array<char, kHeader> header{};
  char* at = header.data();
  const auto put = [&at](const auto& value) {
    std::memcpy(at, &value, sizeof(value));
    at += sizeof(value);
  };
  const auto tag = [&at](const char* text) { at = std::copy_n(text, 4, at); };
  const auto rate = static_cast<uint32_t>(sample_rate);
  tag("RIFF"), put(static_cast<uint32_t>(bytes + kHeader - 8)), tag("WAVE");
  tag("fmt "), put(uint32_t{16}), put(kPcm), put(uint16_t{1}), put(rate), put(rate * 2),
      put(uint16_t{2}), put(uint16_t{16});
  tag("data"), put(bytes);
  const std::vector<int16_t> pcm = to_int16(samples);
  FileHandle file(path, O_WRONLY | O_CREAT | O_TRUNC, "write");
  file.write_all({header.data(), kHeader});
  file.write_all({reinterpret_cast<const char*>(pcm.data()), bytes});
}

}  // namespace concertina
