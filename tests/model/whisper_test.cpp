// Whisper's front end and positions, against direct evaluations of their formulas.
#include "supernet/nn/whisper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/errors.h"
#include "supernet/space/frames.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::max_difference;

at::Tensor lengths_of(const std::vector<int64_t>& lengths) {
  return at::tensor(lengths, at::kLong);
}

// Energy of one frame by a discrete Fourier transform of the mirrored clip, in double precision.
double energy(const std::vector<double>& clip, int64_t frame, int64_t bin, int64_t bins) {
  const auto size = static_cast<int64_t>(clip.size());
  const auto mel_to_hz = [](double mel) {
    return mel < 15 ? mel * 200 / 3 : 1000 * std::pow(6.4, (mel - 15) / 27);
  };
  const double top = 15 + 27 * std::log(8.0) / std::log(6.4);  // 8000 Hz
  const auto edge = [&](int64_t i) {
    return mel_to_hz(top * static_cast<double>(i) / static_cast<double>(bins + 1));
  };
  const double low = edge(bin), middle = edge(bin + 1), high = edge(bin + 2);
  double sum = 0;
  for (int64_t k = 0; k <= 200; ++k) {
    const double hz = static_cast<double>(k) * 40;
    const double weight =
        std::max(0.0, std::min((hz - low) / (middle - low), (high - hz) / (high - middle)) * 2 /
                          (high - low));
    if (weight == 0) continue;
    double real = 0, imaginary = 0;
    for (int64_t n = 0; n < 400; ++n) {
      int64_t at = std::abs(frame * 160 - 200 + n);
      if (at >= size) at = 2 * (size - 1) - at;
      const double turn = 2 * std::numbers::pi / 400;
      const double x =
          clip[static_cast<size_t>(at)] * (0.5 - 0.5 * std::cos(turn * static_cast<double>(n)));
      real += x * std::cos(turn * static_cast<double>(k * n % 400));
      imaginary -= x * std::sin(turn * static_cast<double>(k * n % 400));
    }
    sum += weight * (real * real + imaginary * imaginary);
  }
  return sum;
}

TEST(Whisper, LogMelIsItsFormula) {
  const int64_t bins = 12, samples = 1000;
  const at::Tensor wave = testing::noise(1, samples, 3);
  const std::vector<double> clip(wave.const_data_ptr<float>(),
                                 wave.const_data_ptr<float>() + samples);
  const at::Tensor mel = whisper_log_mel(wave, lengths_of({samples}), bins, 16000);
  ASSERT_EQ(mel.sizes(), at::IntArrayRef({1, 6, bins}));
  at::Tensor expected = at::empty({6, bins}, at::kDouble);
  for (int64_t frame = 0; frame < 6; ++frame) {
    for (int64_t bin = 0; bin < bins; ++bin) {
      expected[frame][bin] = std::log10(std::max(energy(clip, frame, bin, bins), 1e-10));
    }
  }
  expected = (at::maximum(expected, expected.max() - 8) + 4) / 4;
  EXPECT_LE(max_difference(mel[0].to(at::kDouble), expected), 2e-6);
}

// The floor is the clip's own: a loud neighbour does not raise it.
TEST(Whisper, LogMelOfAClipDependsOnItAlone) {
  const at::Tensor loud = testing::noise(1, 9000, 4) * 100;
  const at::Tensor quiet = testing::noise(1, 4321, 5) * 1e-6;
  const at::Tensor both = at::cat({loud, at::constant_pad_nd(quiet, {0, 9000 - 4321})});
  const at::Tensor mel = whisper_log_mel(both, lengths_of({9000, 4321}), 80, 16000);
  const at::Tensor alone = whisper_log_mel(quiet, lengths_of({4321}), 80, 16000);
  EXPECT_LE(max_difference(mel[1].narrow(0, 0, 27), alone[0]), 1e-6);
  EXPECT_EQ(mel[1].narrow(0, 27, 29).abs().max().item<double>(), 0);
}

TEST(Whisper, SilenceIsFinite) {
  const at::Tensor mel = whisper_log_mel(at::zeros({1, 3200}), lengths_of({3200}), 80, 16000);
  EXPECT_TRUE(at::equal(mel, at::full_like(mel, -1.5)));  // log10(1e-10) = -10
}

TEST(Whisper, SinusoidsAreTheirFormula) {
  const at::Tensor table = sinusoids(1500, 384);
  for (const auto& [row, column] :
       {std::pair<int64_t, int64_t>{0, 7}, {3, 0}, {1499, 191}, {700, 100}}) {
    const double rate = std::exp(-std::log(10000.0) / 191 * static_cast<double>(column));
    const double angle = static_cast<double>(row) * rate;
    EXPECT_NEAR(table[row][column].item<double>(), std::sin(angle), 1e-6);
    EXPECT_NEAR(table[row][192 + column].item<double>(), std::cos(angle), 1e-6);
  }
  EXPECT_EQ(sinusoids(4, 5).sizes(), at::IntArrayRef({4, 5}));
}

TEST(Whisper, PositionsAreNotTrainedAndSliced) {
  const SearchSpace space = testing::small_space(testing::whisper_blueprint());
  const Supernet model = Supernet::random(space, Rng(1));
  const std::string name = "encoder.embed_positions.weight";
  EXPECT_TRUE(at::equal(model.weights().at(name), sinusoids(60, 128)));
  for (const TensorSlice& slice :
       tensor_slices(space.blueprint(), space.storage(), space.smallest())) {
    if (slice.name == name) {
      EXPECT_FALSE(slice.trained);
      EXPECT_EQ(slice.shape(), (std::vector<int64_t>{60, 64}));
    }
    EXPECT_EQ(slice.name.find("k_proj.bias"), std::string::npos);
    EXPECT_EQ(slice.name.find("pos_conv"), std::string::npos);
  }
}

// The mask embedding takes the place of frames after the convolutions; positions are added to it.
TEST(Whisper, MaskReplacesFramesAfterTheConvolutions) {
  const SearchSpace space = testing::small_space(testing::whisper_blueprint());
  const Subnet subnet = testing::perturbed(space, 6).slice(space.largest());
  at::InferenceMode inference;
  SpeechBatch batch = make_batch(testing::noise(1, 6400, 7));
  batch.mask = at::zeros({1, 20}, at::kBool);
  batch.mask[0][5] = true;
  const Frames frames = encoder_input(subnet, batch, {.projected = true});
  EXPECT_TRUE(at::equal(frames.projected[0][5], subnet.weights.mask_emb));
  EXPECT_TRUE(at::equal(frames.x[0][5], subnet.weights.mask_emb + subnet.weights.positions[5]));
}

TEST(Whisper, AClipBeyondThePositionsIsAnError) {
  const SearchSpace space = testing::small_space(testing::whisper_blueprint());
  const Subnet subnet = testing::perturbed(space, 8).slice(space.smallest());
  at::InferenceMode inference;
  EXPECT_EQ(encode(subnet, make_batch(testing::noise(1, 60 * 320, 9))).frames.x.size(1), 60);
  try {
    encode(subnet, make_batch(testing::noise(1, 61 * 320, 9)));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("1.2 s is too long: the model has 60 positions"));
  }
}

}  // namespace
}  // namespace concertina
