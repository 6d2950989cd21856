#include "supernet/model/visible_input.h"

#include <gtest/gtest.h>

#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::max_difference;

struct Case {
  const char* name;
  Blueprint blueprint;
};

class VisibleInput : public ::testing::TestWithParam<Case> {
 protected:
  VisibleInput() {
    batch.lengths[1] = 21111;
    batch.waveform[1].narrow(0, 21111, 30000 - 21111).zero_();
    const int64_t frames = space.blueprint().frames(30000);
    mask = at::zeros({2, frames}, at::kBool);
    mask[0].narrow(0, 4, 20).fill_(true);
    mask[0].narrow(0, 40, 8).fill_(true);
    mask[1].narrow(0, 10, 6).fill_(true);
  }
  EncoderOutput encoded(const Subnet& net, const at::Tensor& dropped) const {
    SpeechBatch input = batch;
    input.mask = mask;
    Frames frames = encoder_input(net, input);
    if (dropped.defined()) frames = drop_masked(std::move(frames), dropped);
    return encode_from(net, std::move(frames), {.all_hidden = true});
  }
  SearchSpace space = testing::small_space(GetParam().blueprint);
  Supernet supernet = testing::perturbed(space, 3);
  SpeechBatch batch = make_batch(testing::noise(2, 30000, 2));
  at::Tensor mask;
};

TEST_P(VisibleInput, NothingDroppedChangesNothing) {
  for (const Architecture& a : {space.smallest(), space.largest()}) {
    const Subnet net = supernet.slice(a);
    const EncoderOutput all = encoded(net, {}), same = encoded(net, at::zeros_like(mask));
    for (size_t i = 0; i < all.hidden.size(); ++i) {
      const at::Tensor valid = base_valid(all.frames).unsqueeze(2);
      EXPECT_LT(max_difference(to_base_frames(all.frames, all.hidden[i]) * valid,
                               to_base_frames(same.frames, same.hidden[i]) * valid),
                2e-5);
    }
    EXPECT_TRUE(base_valid(all.frames).equal(base_valid(same.frames)));
  }
}

// A clip's layers see what they would see of a clip that has only its visible frames.
TEST_P(VisibleInput, LayersRunOverVisibleFramesAlone) {
  for (const Architecture& a : {space.smallest(), space.largest()}) {
    const Subnet net = supernet.slice(a);
    const EncoderOutput output = encoded(net, mask);
    SpeechBatch input = batch;
    input.mask = mask;
    const Frames whole = encoder_input(net, input);
    const int64_t joined = a.frame_period_us() / 20000;
    for (int64_t b = 0; b < 2; ++b) {
      std::vector<int64_t> kept;
      for (int64_t t = 0; t < whole.lengths[b].item<int64_t>(); ++t) {
        if (!mask[b].slice(0, t * joined, (t + 1) * joined).all().item<bool>()) kept.push_back(t);
      }
      if (GetParam().blueprint.rate == RateKind::kCif && joined > 1) continue;  // other frames
      const auto count = static_cast<int64_t>(kept.size());
      ASSERT_EQ(output.frames.lengths[b].item<int64_t>(), count);
      Frames alone = whole;
      alone.x = whole.x[b].index_select(0, at::tensor(kept, at::kLong)).unsqueeze(0);
      alone.valid = alone.attention_mask = at::Tensor();
      const EncoderOutput single = encode_from(net, std::move(alone), {.all_hidden = true});
      EXPECT_LT(
          max_difference(single.hidden.back()[0], output.hidden.back()[b].narrow(0, 0, count)),
          2e-5);
    }
    EXPECT_LT(output.frames.x.size(1), whole.x.size(1));
  }
}

TEST_P(VisibleInput, OutputsStandAtTheirBaseFrames) {
  const Subnet net = supernet.slice(space.largest());
  const EncoderOutput output = encoded(net, mask);
  const at::Tensor base = to_base_frames(output.frames, output.hidden.back());
  EXPECT_EQ(base.masked_select(mask.unsqueeze(2)).abs().max().item<double>(), 0);
  const at::Tensor& first = output.hidden.back();
  EXPECT_TRUE(base[0][0].equal(first[0][0]));
  EXPECT_TRUE(base[0][24].equal(first[0][4]));  // after 20 masked frames
  EXPECT_TRUE(base[1][16].equal(first[1][10]));
  const at::Tensor losses = base_valid(output.frames);
  EXPECT_FALSE(losses.logical_and(mask).any().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(
    Blueprints, VisibleInput,
    ::testing::Values(Case{"wave",
                           testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPre)},
                      Case{"cif", testing::mel_blueprint()},
                      Case{"joined", testing::joined_blueprint(RateKind::kConv)}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(DropMasked, NeedsModelsWhoseAttentionDoesNotCountFrames) {
  EXPECT_EQ(drop_masked_problem(testing::small_space(testing::mel_blueprint())), "");
  const SearchSpace biased = testing::small_space(testing::wavlm_blueprint(NormPosition::kPost));
  EXPECT_NE(drop_masked_problem(biased), "");
  SpaceChoices choices = testing::small_space(testing::mel_blueprint()).choices();
  choices.window = {8, 0};
  EXPECT_NE(drop_masked_problem(SearchSpace(testing::mel_blueprint(), choices)), "");
}

}  // namespace
}  // namespace concertina
