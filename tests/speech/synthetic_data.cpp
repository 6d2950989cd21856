#include "tests/speech/synthetic_data.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sndfile.h>
#include <spandsp.h>
#include <stdlib.h>

#include <cmath>
#include <fstream>
#include <numbers>
#include <sstream>

#include "core/rng.h"
#include "core/stop.h"
#include "speech/audio.h"
#include "speech/process.h"

namespace concertina::testing {

namespace fs = std::filesystem;

TempFolder::TempFolder() {
  std::string pattern = (fs::temp_directory_path() / "concertina-speech-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data());
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::vector<float> sine(double hz, int64_t samples, int32_t sample_rate, float amplitude) {
  std::vector<float> result;
  for (int64_t i = 0; i < samples; ++i) {
    result.push_back(amplitude *
                     static_cast<float>(std::sin(2 * std::numbers::pi * hz *
                                                 static_cast<double>(i) / sample_rate)));
  }
  return result;
}

void write_file(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string read_file(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void write_sound(const fs::path& path, const std::vector<float>& samples, int32_t rate,
                 int32_t channels, int format) {
  fs::create_directories(path.parent_path());
  SF_INFO info{};
  info.samplerate = rate;
  info.channels = channels;
  info.format = format;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  ASSERT_NE(file, nullptr) << sf_strerror(nullptr);
  sf_writef_float(file, samples.data(), static_cast<sf_count_t>(samples.size()) / channels);
  sf_close(file);
}

std::string g722_of(const std::vector<float>& samples) {
  const std::vector<int16_t> pcm = to_int16(samples);
  std::string bytes(pcm.size(), '\0');
  g722_encode_state_t* state = g722_encode_init(nullptr, 64000, 0);
  const int made = g722_encode(state, reinterpret_cast<uint8_t*>(bytes.data()), pcm.data(),
                               static_cast<int>(pcm.size()));
  g722_encode_free(state);
  bytes.resize(static_cast<size_t>(made));
  return bytes;
}

std::string mp3_of(const std::vector<float>& samples, int32_t sample_rate) {
  const TempFolder folder;
  write_sound(folder / "a.mp3", samples, sample_rate, 1, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III);
  return read_file(folder / "a.mp3");
}

namespace {

std::string big_endian(uint32_t value, int bytes) {
  std::string result;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    result += static_cast<char>(value >> shift & 0xff);
  return result;
}

std::string strings_of(const std::map<int16_t, std::string>& lines) {
  std::string result;
  for (const auto& [line, text] : lines) {
    std::string body = static_cast<char>(text.size()) + text;
    body.resize((body.size() + 3) / 4 * 4);
    result += big_endian(0, 2) + big_endian(static_cast<uint16_t>(line), 2) + body;
  }
  return result;
}

}  // namespace

void set_tar_checksum(std::string& archive, size_t header) {
  archive.replace(header + 148, 8, 8, ' ');
  unsigned sum = 0;
  for (size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(archive[header + i]);
  archive.replace(header + 148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
}

std::string tar_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string archive;
  for (const auto& [name, bytes] : files) {
    const size_t header = archive.size();
    archive.append(512, '\0');
    archive.replace(header, name.size(), name);
    archive.replace(header + 100, 7, "0000644");
    archive.replace(header + 124, 11, fmt::format("{:011o}", bytes.size()));
    archive[header + 156] = '0';
    archive.replace(header + 257, 8, std::string("ustar\00000", 8));
    set_tar_checksum(archive, header);
    archive += bytes;
    archive.append((512 - bytes.size() % 512) % 512, '\0');
  }
  return archive.append(1024, '\0');
}

std::string bytes_of_sound(const std::vector<float>& samples, int32_t rate, int format) {
  const TempFolder folder;
  write_sound(folder / "sound", samples, rate, 1, format);
  return read_file(folder / "sound");
}

std::string queen_archive(const std::map<std::string, std::string>& files) {
  constexpr size_t kHeader = 15;
  constexpr size_t kEntry = 21;
  std::string index =
      "QTBLCEM10" + std::string(4, '\0') + big_endian(static_cast<uint32_t>(files.size()), 2);
  std::string body;
  for (const auto& [name, bytes] : files) {
    std::string entry = name;
    entry.resize(12);
    index += entry + '\1' +
             big_endian(static_cast<uint32_t>(kHeader + kEntry * files.size() + body.size()), 4) +
             big_endian(static_cast<uint32_t>(bytes.size()), 4);
    body += bytes;
  }
  return index + body;
}

std::string dialogue_file(int16_t key, const std::map<int16_t, std::string>& hero,
                          const std::map<int16_t, std::string>& other) {
  const std::string hero_strings = strings_of(hero);
  std::map<size_t, uint32_t> header = {{2, static_cast<uint32_t>(key)},
                                       {3, static_cast<uint32_t>(hero.size())},
                                       {4, static_cast<uint32_t>(other.size())}};
  std::string body;
  for (size_t i = 0; i < 11; ++i) body += big_endian(header[i], 2);
  body += big_endian(static_cast<uint32_t>(32 + hero_strings.size()), 2);
  body.resize(32);
  return std::string(20, '\0') + body + hero_strings + strings_of(other);
}

std::string small_queen_archive() {
  const auto sound = [](double hz) { return mp3_of(sine(hz, 11025, 11025), 11025); };
  return queen_archive({
      {"BOB1.DOG", dialogue_file(7, {{1, "Hello*A1there*B2Bob"}}, {{1, "Hi Joe"}})},
      {"BOB2.DOG", dialogue_file(8, {{0x1a, "Bye"}}, {{0x1a, "caf\x82*A1So long"}})},
      {"070001J1.SB", sound(300)},
      {"070001J2.SB", sound(350)},
      {"070001P1.SB", sound(400)},
      {"07SSSSP1.SB", sound(450)},
      {"08001AJ1.SB", sound(500)},
      {"08001AP1.SB", sound(550)},
      {"JOE01424.SB", sound(600)},
      {"JOE01425.SB", sound(600)},
      {"BROKEN.SB", "this is no sound"},
      {"../EVIL.SB", sound(650)},
      {"SOME.PCX", "a picture"},
  });
}

void build_deb(const fs::path& tree, const std::string& name, const std::string& version,
               const fs::path& folder) {
  write_file(
      tree / "DEBIAN/control",
      "Package: " + name + "\nVersion: " + version +
          "\nArchitecture: all\nMaintainer: test <test@example.org>\nDescription: made up\n");
  fs::create_directories(folder);
  const auto file = folder / (name + "_" + version + "_all.deb");
  const auto result =
      run_program({"dpkg-deb", "-Znone", "--build", tree.string(), file.string()}, {}, {});
  ASSERT_EQ(result.status, 0) << result.errors;
}

std::string mutated(std::string bytes, uint64_t seed, int count) {
  Rng rng(seed);
  for (int i = 0; i < count && !bytes.empty(); ++i) {
    bytes[static_cast<size_t>(rng.below(static_cast<int64_t>(bytes.size())))] =
        static_cast<char>(rng.below(256));
  }
  if (rng.chance(0.3))
    bytes.resize(static_cast<size_t>(rng.below(static_cast<int64_t>(bytes.size()) + 1)));
  return bytes;
}

}  // namespace concertina::testing
