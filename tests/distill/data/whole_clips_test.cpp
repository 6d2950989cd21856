#include "distill/data/whole_clips.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "core/errors.h"
#include "distill/data/crops.h"
#include "tests/distill/tiny.h"

namespace concertina {
namespace {

class WholeClips : public ::testing::Test {
 protected:
  // Clips of 1 to 1.85 seconds, nine of them for training.
  testing::TempFolder folder{"whole_clips"};
  Manifest manifest = testing::tiny_corpus(folder.path);
  Blueprint blueprint = testing::tiny_space().blueprint();
  JoinedClips clips{manifest, Split::kTrain, blueprint.base_frame_samples()};
  BatchOptions options{.whole_clips = true, .budget = 5, .longest = 1.5, .shortest = 0.5};
};

TEST_F(WholeClips, EveryClipOnceAnEpochWithinTheBudget) {
  const WholeClipSource source({clips, blueprint, options, {}, Rng(1)});
  const int64_t batches = source.batches_per_epoch();
  std::vector<std::vector<int64_t>> epochs(2);
  for (int64_t step = 0; step < 2 * batches; ++step) {
    const TrainingBatch batch = source.at(step);
    EXPECT_LE(batch.speech.waveform.numel(), 5 * 16000);
    const int64_t* lengths = batch.speech.lengths.const_data_ptr<int64_t>();
    for (int64_t b = 0; b < batch.speech.lengths.numel(); ++b) {
      EXPECT_LE(lengths[b], 24000);  // longer ones are cropped
      EXPECT_GT(static_cast<double>(lengths[b]) * 1.16,
                static_cast<double>(batch.speech.waveform.size(1)));  // little padding
      EXPECT_EQ(batch.speech.waveform[b]
                    .narrow(0, lengths[b], batch.speech.waveform.size(1) - lengths[b])
                    .abs()
                    .sum()
                    .item<double>(),
                0);
      epochs[static_cast<size_t>(step / batches)].push_back(lengths[b]);
    }
  }
  for (auto& epoch : epochs) std::sort(epoch.begin(), epoch.end());
  EXPECT_EQ(epochs[0].size(), 9U);
  EXPECT_EQ(epochs[0], epochs[1]);
}

TEST_F(WholeClips, AStepDependsOnTheSeedAndTheStepOnly) {
  const WholeClipSource one({clips,
                             blueprint,
                             options,
                             {MaskOptions{.probability = 0.4, .length = 3}, {}, {}, {}},
                             Rng(1)});
  const WholeClipSource two({clips,
                             blueprint,
                             options,
                             {MaskOptions{.probability = 0.4, .length = 3}, {}, {}, {}},
                             Rng(1)});
  two.at(0);
  const TrainingBatch a = one.at(7), b = two.at(7);
  EXPECT_TRUE(a.speech.waveform.equal(b.speech.waveform));
  EXPECT_TRUE(a.speech.mask.equal(b.speech.mask));
}

TEST_F(WholeClips, UnitsFollowTheirClip) {
  const at::Tensor units = at::arange(clips.total_frames(), at::kShort);
  const WholeClipSource source({clips, blueprint, options, {{}, units, {}, {}}, Rng(1)});
  const TrainingBatch batch = source.at(0);
  std::vector<float> audio(320);
  for (int64_t b = 0; b < batch.units.size(0); ++b) {
    clips.read(batch.units[b][0].item<int64_t>(), audio);
    EXPECT_EQ(batch.speech.waveform[b][100].item<float>(), audio[100]);
  }
}

class WithinClips : public WholeClips {
 protected:
  WithinClips() {
    options.whole_clips = false;
    options.within_clips = true;
    options.crops = 4;
    options.seconds = 1.5;
  }
  int64_t clip_of(int64_t frame) const {
    const auto& spans = clips.clips();
    const auto after = std::find_if(spans.begin(), spans.end(),
                                    [&](const auto& span) { return span.first_frame > frame; });
    return after - spans.begin() - 1;
  }
  at::Tensor places = at::arange(clips.total_frames(), at::kShort);  // as units
};

// Crops of the joined clips span several: 62 % of the quickstart's.
TEST_F(WithinClips, ACropIsOfOneClip) {
  const CropSource across({clips, blueprint, options, {{}, places, {}, {}}, Rng(1)});
  const auto within = make_batch_source({clips, blueprint, options, {{}, places, {}, {}}, Rng(1)});
  int64_t reaching = 0;
  std::set<int64_t> seen;
  for (int64_t step = 0; step < 30; ++step) {
    const at::Tensor joined = across.at(step).units, own = within->at(step).units;
    for (int64_t row = 0; row < joined.size(0); ++row) {
      if (clip_of(joined[row][0].item<int64_t>()) != clip_of(joined[row][-1].item<int64_t>()))
        ++reaching;
    }
    for (int64_t row = 0; row < own.size(0); ++row) {
      const int64_t clip = clip_of(own[row][0].item<int64_t>());
      EXPECT_EQ(clip_of(own[row][-1].item<int64_t>()), clip);
      seen.insert(clip);
    }
  }
  EXPECT_GT(reaching, 30);
  EXPECT_EQ(seen.size(), clips.clips().size());
}

TEST_F(WithinClips, ABatchHasNoPaddingAndAsMuchAudio) {
  const auto source = make_batch_source({clips, blueprint, options, {}, Rng(1)});
  std::set<int64_t> widths;
  for (int64_t step = 0; step < 30; ++step) {
    const TrainingBatch batch = source->at(step);
    const int64_t width = batch.speech.waveform.size(1);
    EXPECT_TRUE(batch.speech.lengths.eq(width).all().item<bool>());
    EXPECT_LE(batch.seconds, 4 * 1.5);
    EXPECT_GT(batch.seconds, 4 * 1.5 - static_cast<double>(width) / 16000);
    widths.insert(width);
  }
  EXPECT_GT(widths.size(), 1U);
}

TEST_F(WithinClips, ShardsTogetherAreOneBatch) {
  options.crops = 2;
  const MaskOptions mask{.probability = 0.4, .length = 3};
  const auto part = [&](int32_t which, int32_t of, int32_t crops) {
    options.crops = crops;
    return make_batch_source(
               {clips, blueprint, options, {mask, places, {}, {}}, Rng(1), {which, of}})
        ->at(5);
  };
  const TrainingBatch first = part(0, 2, 2), second = part(1, 2, 2);
  const TrainingBatch again = part(0, 2, 2);
  EXPECT_TRUE(first.units.equal(again.units) && first.speech.mask.equal(again.speech.mask));
  EXPECT_EQ(first.units.sizes(), second.units.sizes());  // as many rows of the same length
  EXPECT_FALSE(first.units.equal(second.units));
}

TEST_F(WholeClips, NoClipLongEnoughIsAnError) {
  options.shortest = options.longest = 60;
  EXPECT_THROW(WholeClipSource({clips, blueprint, options, {}, Rng(1)}), InputError);
}

}  // namespace
}  // namespace concertina
