#include "speech/audio.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include <cmath>
#include <limits>

#include "core/errors.h"
#include "tests/speech/synthetic_data.h"

namespace concertina {
namespace {

using testing::g722_of;
using ::testing::HasSubstr;
using testing::message_of;
using testing::mp3_of;
using testing::sine;
using testing::TempFolder;
using testing::write_file;
using testing::write_sound;

double rms(std::span<const float> samples) {
  double sum = 0;
  for (const float x : samples) sum += static_cast<double>(x) * x;
  return std::sqrt(sum / static_cast<double>(samples.size()));
}

// How much of the signal is a sine of `hz`, by correlation with both phases; 1 for a pure one.
double share_of(double hz, std::span<const float> samples) {
  double s = 0, c = 0, total = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const double at = 2 * M_PI * hz * static_cast<double>(i) / 16000;
    s += samples[i] * std::sin(at);
    c += samples[i] * std::cos(at);
    total += static_cast<double>(samples[i]) * samples[i];
  }
  return 2 * (s * s + c * c) / (total * static_cast<double>(samples.size()));
}

std::span<const float> middle(const Audio& audio) {
  return std::span(audio.samples).subspan(audio.samples.size() / 4, audio.samples.size() / 2);
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST(DecodeRaw, Gsm) {
  const std::string gsm =
      testing::bytes_of_sound(sine(440, 16000, 8000), 8000, SF_FORMAT_RAW | SF_FORMAT_GSM610);
  EXPECT_EQ(gsm.size(), 3300U);  // 100 frames
  const Audio audio = decode_raw(bytes_of(gsm), RawCoding::kGsm610, 8000, "clip");
  EXPECT_EQ(audio.samples.size(), 32000U);
  EXPECT_EQ(audio.source.sample_rate, 8000);
  EXPECT_GT(share_of(440, middle(audio)), 0.95);
  EXPECT_NEAR(rms(middle(audio)), 0.5 / std::sqrt(2), 0.05);
}

TEST(DecodeRaw, Unsigned8) {
  std::string bytes;
  for (const float x : sine(440, 11025, 11025))
    bytes += static_cast<char>(std::lround(128 + 127 * x));
  const Audio audio = decode_raw(bytes_of(bytes), RawCoding::kUnsigned8, 11025, "clip");
  EXPECT_NEAR(static_cast<double>(audio.samples.size()), 16000, 1);
  EXPECT_GT(share_of(440, middle(audio)), 0.99);
  EXPECT_NEAR(rms(middle(audio)), 0.5 / std::sqrt(2), 0.01);
}

TEST(DecodeRaw, NamesAClipWithoutSamples) {
  for (const RawCoding coding : {RawCoding::kGsm610, RawCoding::kUnsigned8}) {
    EXPECT_THAT(message_of<InputError>([&] { decode_raw({}, coding, 8000, "clip"); }),
                HasSubstr("clip: not an audio file: empty"));
  }
}

TEST(WriteWav, ReadsBackWithinOneStep) {
  const TempFolder folder;
  const auto samples = sine(440, 1600);
  write_wav(folder / "a.wav", samples);
  const Audio audio = read_audio(folder / "a.wav");
  ASSERT_EQ(audio.samples.size(), samples.size());
  for (size_t i = 0; i < samples.size(); ++i)
    EXPECT_NEAR(audio.samples[i], samples[i], 0.51 / 32768);
  EXPECT_EQ(audio.source.sample_rate, 16000);
}

TEST(WriteWav, SaturatesBeyondFullScale) {
  EXPECT_THAT(to_int16(std::vector<float>{2, -2, 1, -1}),
              ::testing::ElementsAre(32767, -32768, 32767, -32768));
}

TEST(WriteWav, UnwritableFolderIsASystemError) {
  EXPECT_THROW(write_wav("/no/such/folder/a.wav", sine(440, 10)), SystemError);
}

TEST(ReadAudio, AveragesChannels) {
  const TempFolder folder;
  std::vector<float> stereo;
  for (int i = 0; i < 1000; ++i) stereo.insert(stereo.end(), {0.5F, -0.25F});
  write_sound(folder / "a.wav", stereo, 16000, 2, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  const Audio audio = read_audio(folder / "a.wav");
  ASSERT_EQ(audio.samples.size(), 1000U);
  EXPECT_NEAR(audio.samples[500], 0.125, 1e-4);
  EXPECT_EQ(audio.source.channels, 2);
}

TEST(ReadAudio, ResamplesEveryFormatToTheSameTone) {
  const TempFolder folder;
  const std::vector<std::pair<std::string, int>> formats = {
      {"a.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT},
      {"a.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_24},
      {"a.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS}};
  for (const auto& [name, format] : formats) {
    write_sound(folder / name, sine(1000, 44100, 44100), 44100, 1, format);
    const Audio audio = read_audio(folder / name);
    EXPECT_NEAR(static_cast<double>(audio.samples.size()), 16000, 1) << name;
    EXPECT_GT(share_of(1000, middle(audio)), 0.99) << name;
    EXPECT_NEAR(rms(middle(audio)), 0.5 / std::sqrt(2.0), 0.01) << name;
    EXPECT_EQ(audio_info(folder / name).sample_rate, 44100) << name;
  }
}

TEST(AudioStream, GivesTheSamplesOfReadAudioPieceByPiece) {
  const TempFolder folder;
  std::vector<float> stereo;
  for (const float x : sine(700, 100000, 44100)) stereo.insert(stereo.end(), {x, x / 2});
  write_sound(folder / "stereo.flac", stereo, 44100, 2, SF_FORMAT_FLAC | SF_FORMAT_PCM_16);
  write_sound(folder / "high.wav", sine(700, 300000, 96000), 96000, 1,
              SF_FORMAT_WAV | SF_FORMAT_FLOAT);
  write_wav(folder / "plain.wav", sine(700, 50000));
  write_wav(folder / "low.wav", sine(700, 30001, 8000), 8000);
  write_file(folder / "a.g722", g722_of(sine(1000, 16000)));
  for (const char* name : {"stereo.flac", "high.wav", "plain.wav", "low.wav", "a.g722"}) {
    const Audio whole = read_audio(folder / name);
    AudioStream stream(folder / name);
    std::vector<float> samples;
    size_t pieces = 0;
    while (stream.read(samples)) ++pieces;
    ASSERT_EQ(samples.size(), whole.samples.size()) << name;
    float difference = 0;
    for (size_t i = 0; i < samples.size(); ++i)
      difference = std::max(difference, std::abs(samples[i] - whole.samples[i]));
    EXPECT_LE(difference, 1e-6F) << name;
    EXPECT_GT(pieces, name == std::string("a.g722") ? 0U : 1U) << name;
    EXPECT_EQ(stream.source().samples, whole.source.samples) << name;
    EXPECT_EQ(stream.source().channels, whole.source.channels) << name;
  }
}

TEST(AudioStream, SaysWhatIsWrongWithAFile) {
  const TempFolder folder;
  write_file(folder / "text.wav", "no audio here");
  write_sound(folder / "empty.wav", {}, 16000, 1, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  EXPECT_THAT(message_of<InputError>([&] { AudioStream(folder / "text.wav"); }),
              HasSubstr("not an audio file"));
  EXPECT_THAT(message_of<InputError>([&] {
                std::vector<float> samples;
                AudioStream(folder / "empty.wav").read(samples);
              }),
              HasSubstr("holds no samples"));
}

TEST(ReadAudio, DecodesG722) {
  const TempFolder folder;
  write_file(folder / "a.g722", g722_of(sine(1000, 16000)));
  const Audio audio = read_audio(folder / "a.g722");
  EXPECT_EQ(audio.samples.size(), 16000U);
  EXPECT_GT(share_of(1000, middle(audio)), 0.98);
  EXPECT_NEAR(rms(middle(audio)), 0.5 / std::sqrt(2.0), 0.03);
  EXPECT_EQ(audio_info(folder / "a.g722").samples, 16000);
}

TEST(DecodeAudio, DecodesMp3InMemory) {
  const std::string mp3 = mp3_of(sine(1000, 11025, 11025), 11025);
  const Audio audio = decode_audio(bytes_of(mp3), "clip");
  EXPECT_EQ(audio.source.sample_rate, 11025);
  EXPECT_GT(audio.samples.size(), 15000U);
  EXPECT_GT(share_of(1000, middle(audio)), 0.97);
}

TEST(ReadAudio, SaysWhatIsWrongWithAFile) {
  const TempFolder folder;
  write_file(folder / "text.wav", "this is no sound, whatever its name says\n");
  write_file(folder / "empty.wav", "");
  write_sound(folder / "none.wav", {}, 16000, 1, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  write_sound(folder / "nan.wav", {0, std::numeric_limits<float>::quiet_NaN()}, 16000, 1,
              SF_FORMAT_WAV | SF_FORMAT_FLOAT);
  const auto message = [&](const std::string& name) {
    return message_of<InputError>([&] { read_audio(folder / name); });
  };
  EXPECT_THAT(message("text.wav"), HasSubstr("text.wav: not an audio file"));
  EXPECT_THAT(message("empty.wav"), HasSubstr("empty (0 bytes)"));
  EXPECT_THAT(message("none.wav"), HasSubstr("holds no samples"));
  EXPECT_THAT(message("nan.wav"), HasSubstr("not numbers"));
  EXPECT_THAT(message(""), HasSubstr("is a folder"));
  EXPECT_THROW(read_audio(folder / "missing.wav"), SystemError);
}

TEST(WavSegment, ReadsAnyPart) {
  const TempFolder folder;
  write_wav(folder / "a.wav", sine(440, 1000));
  const Audio whole = read_audio(folder / "a.wav");
  std::vector<float> part(100);
  read_wav_segment(folder / "a.wav", 900, part);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.samples.begin() + 900));
  EXPECT_THAT(message_of<InputError>([&] { read_wav_segment(folder / "a.wav", 901, part); }),
              HasSubstr("holds 1000 samples"));
}

TEST(WavSegment, FindsTheSamplesBehindOtherChunks) {
  const TempFolder folder;
  write_wav(folder / "a.wav", sine(440, 1000));
  std::string bytes = testing::read_file(folder / "a.wav");
  bytes.insert(12, std::string("LIST\x05\0\0\0hello\0", 14));
  write_file(folder / "b.wav", bytes);
  EXPECT_EQ(wav_layout(folder / "b.wav")->data_offset, 44 + 14);
  std::vector<float> a(1000), b(1000);
  read_wav_segment(folder / "a.wav", 0, a);
  read_wav_segment(folder / "b.wav", 0, b);
  EXPECT_EQ(a, b);
}

TEST(WavSegment, CountsOnlySamplesThatAreThere) {
  const TempFolder folder;
  write_wav(folder / "a.wav", sine(440, 1000));
  std::filesystem::resize_file(folder / "a.wav", 44 + 2 * 300 + 1);
  EXPECT_EQ(wav_layout(folder / "a.wav")->samples, 300);
}

TEST(WavSegment, RefusesOtherWavs) {
  const TempFolder folder;
  write_sound(folder / "f.wav", sine(440, 100), 16000, 1, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
  EXPECT_FALSE(wav_layout(folder / "f.wav"));
  std::vector<float> out(10);
  EXPECT_THROW(read_wav_segment(folder / "f.wav", 0, out), InputError);
}

}  // namespace
}  // namespace concertina
