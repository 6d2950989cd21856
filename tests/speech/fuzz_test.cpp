// Damaged bytes in, a typed error or a result out; never a crash, never another exception.
#include <gtest/gtest.h>

#include <functional>

#include "core/errors.h"
#include "speech/audio.h"
#include "speech/manifest.h"
#include "speech/readers/readers.h"
#include "speech/readers/rnc.h"
#include "speech/scan/found_clips.h"
#include "speech/tar.h"
#include "tests/speech/steel_sky_data.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using testing::sine;
using testing::TempFolder;
using testing::write_file;

// Runs `read` on `count` damaged versions of `bytes`, written to `path`.
void damage(const std::string& bytes, const std::filesystem::path& path, int count,
            const std::function<void()>& read) {
  for (int seed = 0; seed < count; ++seed) {
    write_file(path, testing::mutated(bytes, static_cast<uint64_t>(seed)));
    try {
      read();
    } catch (const InputError&) {
    }
  }
}

std::string wav_bytes() {
  const TempFolder folder;
  write_wav(folder / "a.wav", sine(300, 200));
  return testing::read_file(folder / "a.wav");
}

TEST(Fuzz, Wav) {
  const TempFolder folder;
  const auto path = folder / "a.wav";
  damage(wav_bytes().substr(0, 60), path, 500, [&] {
    if (const auto layout = wav_layout(path)) {
      EXPECT_LE(layout->data_offset + 2 * layout->samples, 60);
    }
    audio_info(path);
    read_audio(path);
  });
}

TEST(Fuzz, Mp3) {
  const std::string mp3 = testing::mp3_of(sine(300, 4000, 11025), 11025);
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const std::string bytes = testing::mutated(mp3, seed, 20);
    try {
      decode_audio(std::as_bytes(std::span(bytes)), "clip");
    } catch (const InputError&) {
    }
  }
}

TEST(Fuzz, G722TakesAnyBytes) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::string bytes = testing::mutated(std::string(1000, 'x'), seed, 500);
    if (!bytes.empty()) {
      EXPECT_EQ(decode_g722(std::as_bytes(std::span(bytes))).samples.size(), 2 * bytes.size());
    }
  }
}

TEST(Fuzz, AmazonQueen) {
  const TempFolder folder;
  const auto path = folder / "usr/share/scummvm/flight-of-the-amazon-queen/queen.1c";
  // Index and dialogues only: that is where the reader follows offsets.
  const std::string archive = testing::queen_archive(
      {{"BOB1.DOG", testing::dialogue_file(7, {{1, "Hello*A1there"}}, {{1, "Hi"}, {2, "Ho"}})},
       {"BOB2.DOG", testing::dialogue_file(8, {{1, "Hey"}}, {{1, "Hm"}})},
       {"070001J1.SB", "xx"},
       {"080001P1.SB", "yy"}});
  damage(archive, path, 1000, [&] {
    for (const RawClip& raw : read_amazon_queen(folder.path(), "queen").clips) raw.decode();
  });
}

TEST(Fuzz, RawAudioTakesAnyBytes) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const std::string bytes = testing::mutated(std::string(1000, 'x'), seed, 500);
    for (const RawCoding coding : {RawCoding::kGsm610, RawCoding::kUnsigned8}) {
      try {
        const Audio audio = decode_raw(std::as_bytes(std::span(bytes)), coding, 8000, "clip");
        EXPECT_LE(audio.samples.size(), 20 * (bytes.size() + 33));
      } catch (const InputError&) {
      }
    }
  }
}

// With the CRC set right, so that damage reaches the decoder; then bytes that nobody packed.
TEST(Fuzz, Rnc) {
  const std::string packed = testing::rnc_of(
      {{{"abc", 3, 9}, {"", 12, 2}, {std::string(40, 'x'), 50, 5}, {"y"}}, {{"z", 1, 300}, {"!"}}});
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    std::string bytes = packed;
    const std::string data = testing::mutated(
        seed % 2 == 0 ? packed.substr(18) : std::string(200, 'x'), seed, seed % 2 == 0 ? 2 : 400);
    bytes.replace(18, std::string::npos, data);
    bytes[11] = static_cast<char>(data.size());
    testing::set_rnc_crc(bytes);
    try {
      EXPECT_EQ(unpack_rnc(std::as_bytes(std::span(bytes)), "clip").size(), 362U);
    } catch (const InputError&) {
    }
  }
}

TEST(Fuzz, SteelSky) {
  const TempFolder folder;
  const std::string speech = testing::steel_sky_speech("speech");
  testing::write_steel_sky(folder.path(), {{50001, speech}, {50002, speech}, {1, "x"}});
  const auto index = folder / "usr/share/scummvm/beneath-a-steel-sky/sky.dnr";
  damage(testing::read_file(index), index, 1000, [&] {
    for (const RawClip& raw : read_steel_sky(folder.path(), "sky").clips) {
      try {
        raw.decode();
      } catch (const InputError&) {
      }
    }
  });
}

// Damage in a header counts only where its sum still agrees.
TEST(Fuzz, Tar) {
  const std::string archive = testing::tar_of({{"a.txt", "one"}, {"a.wav", std::string(700, 'x')}});
  const std::string pax = testing::tar_of({{"p", "12 path=abc\n9 size=3\n"}, {"a.txt", "one"}});
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    std::string bytes = seed % 2 == 0 ? archive : pax;
    if (seed % 2 == 1) bytes[156] = 'x';
    bytes = testing::mutated(bytes, seed);
    for (size_t header = 0; seed % 4 > 1 && header + 512 <= bytes.size() && header < 1024;
         header += 512)
      testing::set_tar_checksum(bytes, header);
    for (const TarMember& file : index_tar(std::as_bytes(std::span(bytes))).files) {
      ASSERT_GE(std::min(file.offset, file.size), 0);
      ASSERT_LE(file.offset + file.size, std::ssize(bytes));
    }
  }
}

TEST(Fuzz, TarShard) {
  const TempFolder folder;
  const std::string archive = testing::tar_of({{"a.json", R"({"text": "one", "speaker": 7})"},
                                               {"a.wav", wav_bytes()},
                                               {"../b.wav", wav_bytes()}});
  damage(archive, folder / "s.tar", 300, [&] {
    for (const FoundClip& found : find_in_tar(folder.path(), "s").clips) found.raw.decode();
  });
}

TEST(Fuzz, FairseqManifest) {
  const TempFolder folder;
  write_file(folder / "f.wrd", "one\ntwo\n");
  damage(".\na/b.wav\t100\nb.wav\t200\n", folder / "f.tsv", 500, [&] {
    try {
      find_in_fairseq_manifest(folder / "f.tsv");
    } catch (const SystemError&) {  // the root's name was hit
    }
  });
}

TEST(Fuzz, ManifestAndPhones) {
  const TempFolder folder;
  damage("id\tpath\tsamples\tsplit\na\ta.wav\t100\ttrain\nb\tb.wav\t200\tdev\n", folder / "m.tsv",
         1000, [&] { read_manifest(folder / "m.tsv"); });
  damage("#\n0.5 125 pau\n0.602 125 e\n0.7 125 gg\n", folder / "a.lab", 1000,
         [&] { read_phones(folder / "a.lab"); });
}

TEST(Fuzz, FestvoxTexts) {
  const TempFolder folder;
  const auto voice = folder / "v";
  std::filesystem::create_directories(voice / "wav");
  write_wav(voice / "wav/ru_0001.wav", sine(300, 1000));
  damage("( ru_0001 \"one two\" )\n( ru_0002 \"three\" )\n", voice / "etc/txt.done.data", 500,
         [&] { read_festvox(folder.path(), "festvox-ru"); });
}

}  // namespace
}  // namespace concertina
