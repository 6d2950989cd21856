// The 16-bit mono WAV that corpora are stored in: training reads crops of it straight from disk.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <string_view>

#include "core/errors.h"
#include "core/files.h"
#include "speech/audio.h"

namespace concertina {
namespace {

static_assert(std::endian::native == std::endian::little, "WAV samples are read as they lie");

class File {
 public:
  File(const std::filesystem::path& path, int flags)
      : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (fd_ < 0) fail("cannot be opened");
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int64_t size() const {
    struct stat status{};
    if (::fstat(fd_, &status) != 0) fail("cannot be read");
    return status.st_size;
  }

  // Bytes read, fewer than asked for only at the end of the file.
  int64_t read_at(int64_t offset, void* out, int64_t bytes) const {
    int64_t done = 0;
    while (done < bytes) {
      const ssize_t n = ::pread(fd_, static_cast<char*>(out) + done,
                                static_cast<size_t>(bytes - done), offset + done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot be read");
      if (n == 0) break;
      done += n;
    }
    return done;
  }

  void write(const void* data, size_t bytes) const {
    const char* at = static_cast<const char*>(data);
    while (bytes > 0) {
      const ssize_t n = ::write(fd_, at, bytes);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot be written");
      at += n;
      bytes -= static_cast<size_t>(n);
    }
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw SystemError(fmt::format("{}: {}: {}", path_.string(), what, std::strerror(errno)));
  }

  const std::filesystem::path& path_;
  int fd_;
};

template <class T>
T load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

bool has_tag(const uint8_t* at, const char* tag) { return std::memcmp(at, tag, 4) == 0; }

struct Format {
  uint16_t tag, channels, bits;
  uint32_t rate;
};

constexpr uint16_t kPcm = 1;
constexpr uint16_t kExtensible = 0xfffe;

std::optional<Format> read_format(const File& file, int64_t offset, uint32_t size) {
  std::array<uint8_t, 26> raw{};
  const auto wanted = std::min<int64_t>(size, static_cast<int64_t>(raw.size()));
  if (size < 16 || file.read_at(offset, raw.data(), wanted) != wanted) return std::nullopt;
  Format format{load<uint16_t>(&raw[0]), load<uint16_t>(&raw[2]), load<uint16_t>(&raw[14]),
                load<uint32_t>(&raw[4])};
  if (format.tag == kExtensible && size >= 26) format.tag = load<uint16_t>(&raw[24]);
  return format;
}

std::optional<WavLayout> layout_of(const File& file) {
  std::array<uint8_t, 12> head{};
  if (file.read_at(0, head.data(), 12) != 12 || !has_tag(&head[0], "RIFF") ||
      !has_tag(&head[8], "WAVE"))
    return std::nullopt;
  const int64_t end = file.size();
  std::optional<Format> format;
  for (int64_t at = 12; file.read_at(at, head.data(), 8) == 8;) {
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
  return layout_of(File(path, O_RDONLY));
}

void read_wav_segment(const std::filesystem::path& path, int64_t first, std::span<float> out) {
  const File file(path, O_RDONLY);
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
  auto* raw = reinterpret_cast<char*>(out.data()) + count * 2;
  if (file.read_at(layout->data_offset + first * 2, raw, count * 2) != count * 2) {
    throw InputError(fmt::format("{}: ended while it was read", path.string()));
  }
  for (int64_t i = 0; i < count; ++i) {
    int16_t value;
    std::memcpy(&value, raw + i * 2, 2);
    out[static_cast<size_t>(i)] = static_cast<float>(value) / 32768.0F;
  }
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
  const File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  file.write(header.data(), kHeader);
  file.write(pcm.data(), bytes);
}

}  // namespace concertina
