#include "distill/data/crops.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "distill/data/prefetcher.h"
#include "distill/data/whole_clips.h"
#include "distill/objective/layer_mean.h"
#include "distill/train/learner.h"
#include "tests/distill/tiny.h"

namespace concertina {
namespace {

constexpr MaskOptions kMask{.probability = 0.4, .length = 3};

std::shared_ptr<const Augmentation> lively() {
  AugmentOptions options;
  options.mixing.probability = 0.7;
  options.band_limit.probability = 0.5;
  return make_augmentation(options);
}

class CropsTest : public ::testing::Test {
 protected:
  CropSource crops(const BatchContents& contents, BatchShard share = {}, int32_t rows = 4) const {
    BatchOptions options;
    options.crops = rows;
    options.seconds = 0.5;
    return CropSource({clips, blueprint, options, contents, Rng(1), share});
  }
  WholeClipSource whole_clips(const BatchContents& contents) const {
    const BatchOptions options{.whole_clips = true, .budget = 5, .longest = 1.5, .shortest = 0.5};
    return WholeClipSource({clips, blueprint, options, contents, Rng(1)});
  }
  testing::TempFolder folder{"crops"};
  Manifest manifest = testing::tiny_corpus(folder.path);
  Blueprint blueprint = testing::tiny_space().blueprint();
  JoinedClips clips{manifest, Split::kTrain, blueprint.base_frame_samples()};
  at::Tensor places =
      at::arange(clips.total_frames(), at::kShort);  // as units: positions of frames
};

// The batches of earlier versions, draw for draw: their checkpoints can be resumed.
TEST_F(CropsTest, PlainBatchesAreThoseOfEarlierVersions) {
  const TrainingBatch batch = crops({kMask, places, {}, {}}).at(7);
  Rng rng = Rng(1).fork("crops", 7);
  std::vector<float> audio(25 * 320);
  for (int64_t row = 0; row < 4; ++row) {
    const int64_t first = clips.draw(25, rng);
    const std::vector<uint8_t> mask = span_mask(batch.units.size(1), kMask, rng);
    clips.read(first, audio);
    EXPECT_EQ(batch.units[row][0].item<int64_t>(), first);
    for (int64_t t = 0; t < batch.units.size(1); ++t)
      EXPECT_EQ(batch.speech.mask[row][t].item<bool>(), mask[static_cast<size_t>(t)] != 0);
    EXPECT_TRUE(batch.speech.waveform[row].equal(at::from_blob(audio.data(), {25 * 320})));
  }
  EXPECT_FALSE(batch.clean.defined());
}

TEST_F(CropsTest, AugmentationChangesTheWaveformOnly) {
  const TrainingBatch plain = crops({kMask, places, {}, {}}).at(3);
  const TrainingBatch augmented = crops({kMask, places, {}, lively()}).at(3);
  EXPECT_TRUE(augmented.units.equal(plain.units));
  EXPECT_TRUE(augmented.speech.mask.equal(plain.speech.mask));
  EXPECT_FALSE(augmented.speech.waveform.equal(plain.speech.waveform));
  EXPECT_FALSE(augmented.clean.defined());  // no teacher is run

  for (const at::Tensor& units : {at::Tensor(), places}) {
    const TrainingBatch taught = crops({kMask, units, {}, lively(), /*live_rows=*/true}).at(3);
    EXPECT_TRUE(taught.speech.waveform.equal(augmented.speech.waveform));
    EXPECT_TRUE(taught.clean.equal(plain.speech.waveform));
    EXPECT_EQ(taught.units.defined(), units.defined());
  }
}

TEST_F(CropsTest, ShardsTogetherAreOneAugmentedBatch) {
  const BatchContents contents{kMask, places, {}, lively()};
  const TrainingBatch whole = crops(contents).at(5);
  std::vector<TrainingBatch> parts;
  for (int32_t part = 0; part < 2; ++part) parts.push_back(crops(contents, {part, 2}, 2).at(5));
  EXPECT_TRUE(
      at::cat({parts[0].speech.waveform, parts[1].speech.waveform}).equal(whole.speech.waveform));
  EXPECT_TRUE(at::cat({parts[0].speech.mask, parts[1].speech.mask}).equal(whole.speech.mask));
}

TEST_F(CropsTest, AnAugmentedStepDependsOnTheSeedAndTheStepOnly) {
  const CropSource one = crops({kMask, {}, {}, lively()}), two = crops({kMask, {}, {}, lively()});
  Prefetcher ahead(one, 2, at::kCPU);
  ahead.next();
  EXPECT_TRUE(ahead.next().speech.waveform.equal(two.at(3).speech.waveform));
  EXPECT_FALSE(one.at(4).speech.waveform.equal(two.at(3).speech.waveform));
}

// Records its threads, and how many LibTorch would use there.
class WatchedSource : public BatchSource {
 public:
  explicit WatchedSource(const BatchSource& source) : source_(source) {}
  TrainingBatch at(int64_t step) const override {
    const std::scoped_lock lock(mutex_);
    ids.insert(std::this_thread::get_id());
    teams.insert(at::get_num_threads());
    return source_.at(step);
  }
  int64_t batch_count(int32_t clips) const override { return source_.batch_count(clips); }
  mutable std::set<std::thread::id> ids;
  mutable std::set<int> teams;

 private:
  const BatchSource& source_;
  mutable std::mutex mutex_;
};

// A new thread for each step creates an OpenMP team each time: 20 to 30 times slower on a busy machine.
TEST_F(CropsTest, BatchesAreMadeOnAFewThreadsWithoutOpenMpTeams) {
  const int before = at::get_num_threads();
  at::set_num_threads(4);
  const CropSource source = crops({});
  const WatchedSource watched(source);
  {
    Prefetcher ahead(watched, 0, at::kCPU);
    for (int64_t step = 0; step < 20; ++step)
      EXPECT_TRUE(ahead.next().speech.waveform.equal(source.at(step).speech.waveform));
    EXPECT_EQ(at::get_num_threads(), 4);
  }
  int of_new_threads = 0;
  std::thread([&] { of_new_threads = at::get_num_threads(); }).join();
  EXPECT_EQ(of_new_threads, 4);
  at::set_num_threads(before);
  EXPECT_LE(watched.ids.size(), 3U);
  EXPECT_THAT(watched.teams, ::testing::ElementsAre(1));
}

TEST_F(CropsTest, WholeClipsKeepTheirPadding) {
  const WholeClipSource plain = whole_clips({kMask, {}, {}, {}});
  const WholeClipSource augmented = whole_clips({kMask, {}, {}, lively(), /*live_rows=*/true});
  for (int64_t step = 0; step < 3; ++step) {
    const TrainingBatch clean = plain.at(step), noisy = augmented.at(step);
    EXPECT_TRUE(noisy.clean.equal(clean.speech.waveform));
    EXPECT_TRUE(noisy.speech.mask.equal(clean.speech.mask));
    EXPECT_FALSE(noisy.speech.waveform.equal(clean.speech.waveform));
    const int64_t samples = noisy.speech.waveform.size(1);
    for (int64_t row = 0; row < noisy.speech.waveform.size(0); ++row) {
      const int64_t length = noisy.speech.lengths[row].item<int64_t>();
      EXPECT_TRUE(
          noisy.speech.waveform[row].narrow(0, length, samples - length).eq(0).all().item<bool>());
    }
  }
}

TEST_F(CropsTest, TheTeacherReceivesTheCleanAudio) {
  const SearchSpace space = testing::tiny_space();
  const Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  LayerMeanSpec spec;
  spec.top = 1;
  spec.teacher_depth = 2;
  spec.teacher_dim = 32;
  spec.student_dim = 32;
  auto objective = std::make_unique<LayerMeanObjective>(spec);
  const LayerMeanObjective& asked = *objective;
  auto heads = objective->parameters(Rng(1));
  Learner learner({.student = Supernet::random(space, Rng(2)),
                   .objective = std::move(objective),
                   .heads = std::move(heads),
                   .sampler = make_sampler({}, space, 1, Rng(3)),
                   .teachers = {teacher}});
  TrainingBatch batch = crops({{}, {}, {}, lively(), /*live_rows=*/true}).at(3);
  const auto loss = [&] { return learner.evaluate(batch, {space.largest()}).front().total; };
  const double denoising = loss();
  const Subnet net = teacher.slice(space.largest());
  batch.rows =
      teacher_rows(asked.needs().rows, {&net, 1}, space.blueprint(), make_batch(batch.clean));
  EXPECT_EQ(loss(), denoising);  // as with a cache, which holds targets of clean audio
  batch.rows.clear();
  batch.clean = at::Tensor();
  EXPECT_NE(loss(), denoising);
}

}  // namespace
}  // namespace concertina
