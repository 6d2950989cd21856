// Small synthetic files for the tests of speech/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace concertina::testing {

// A folder that is removed when the test ends.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::vector<float> sine(double hz, int64_t samples, int32_t sample_rate = 16000,
                        float amplitude = 0.5F);
void write_file(const std::filesystem::path& path, const std::string& bytes);
std::string read_file(const std::filesystem::path& path);

// Any format of libsndfile (SF_FORMAT_*), channels interleaved.
void write_sound(const std::filesystem::path& path, const std::vector<float>& samples, int32_t rate,
                 int32_t channels, int format);

std::string g722_of(const std::vector<float>& samples);  // 16 kHz in
std::string mp3_of(const std::vector<float>& samples, int32_t sample_rate);

// A POSIX ustar archive of regular files, names of up to 100 bytes.
std::string tar_of(const std::vector<std::pair<std::string, std::string>>& files);
// SF_FORMAT_*
std::string bytes_of_sound(const std::vector<float>& samples, int32_t rate, int format);
void set_tar_checksum(std::string& archive, size_t header);  // of the header at byte `header`

// An archive laid out like queen.1c from file names and contents.
std::string queen_archive(const std::map<std::string, std::string>& files);
// A .DOG file: its key, and the strings of the hero and of the other by line number.
std::string dialogue_file(int16_t key, const std::map<int16_t, std::string>& hero,
                          const std::map<int16_t, std::string>& other);
// An archive with two dialogues of BOB, one of them in test, a remark, a repeated sound and a
// broken sound.
std::string small_queen_archive();

// Root of an unpacked package tree in, NAME_VERSION_all.deb in `folder` out, built with dpkg-deb.
void build_deb(const std::filesystem::path& tree, const std::string& name,
               const std::string& version, const std::filesystem::path& folder);

// `count` changes of single bytes and cuts at places given by `seed`.
std::string mutated(std::string bytes, uint64_t seed, int count = 4);

// The message of the E that `action` throws, "" when it throws none.
template <class E, class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  }
  return "";
}

}  // namespace concertina::testing
