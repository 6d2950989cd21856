#include "distill/data/target_cache.h"

#include <gtest/gtest.h>

#include <set>

#include "core/errors.h"
#include "core/log.h"
#include "distill/data/target_windows.h"
#include "distill/data/window_targets.h"
#include "distill/objective/layer_mean.h"
#include "tests/distill/tiny.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

class TargetCaches : public ::testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::kOff); }
  static BatchOptions batch(bool whole_clips, double seconds = 10) {
    BatchOptions options;
    options.whole_clips = whole_clips;
    options.seconds = options.longest = seconds;
    return options;
  }
  TargetCache cache(CacheDtype dtype, bool whole_clips, const StopToken& stop = {}) {
    return TargetCache(
        folder.path / "targets",
        {clips, {subnet}, space.blueprint(), objective.needs().rows, batch(whole_clips), "test"},
        dtype, stop);
  }
  // The teacher's targets of frames first..first+frames-1, encoded together.
  at::Tensor heard(int64_t first, int64_t frames) {
    std::vector<float> audio(static_cast<size_t>(frames * samples));
    clips.read(first, audio);
    const at::Tensor wave =
        at::from_blob(audio.data(), {1, static_cast<int64_t>(audio.size())}).clone();
    return teacher_rows(objective.needs().rows, {&subnet, 1}, subnet.blueprint, make_batch(wave))
        .begin()
        ->second[0];
  }
  testing::TempFolder folder{"targets"};
  Manifest manifest = testing::tiny_corpus(folder.path);
  SearchSpace space = testing::tiny_space();
  int64_t samples = space.blueprint().base_frame_samples();
  JoinedClips clips{manifest, Split::kTrain, static_cast<int32_t>(samples)};
  Supernet teacher = Supernet::random(testing::tiny_teacher(space), Rng(1));
  Subnet subnet = teacher.slice(teacher.space().largest());
  LayerMeanObjective objective{LayerMeanSpec{2, Distance::kL1, true, 2, 32, 32}};
};

TEST_F(TargetCaches, WindowsKeepEveryFrameOnce) {
  for (const double seconds : {0.02, 0.5, 1.1, 10.0}) {
    for (const bool whole : {false, true}) {
      std::set<int64_t> kept;
      for (const TargetWindow& w :
           target_windows(clips, space.blueprint(), batch(whole, seconds))) {
        EXPECT_GE(w.kept_first, w.first);
        EXPECT_LE(w.kept_first + w.kept_frames, w.first + w.frames);
        for (int64_t f = 0; f < w.kept_frames; ++f)
          EXPECT_TRUE(kept.insert(w.kept_first + f).second);
      }
      // The encoder gives one frame less than its input: at the end, and of each whole clip.
      const auto missing = whole ? clips.clips().size() : size_t{1};
      EXPECT_EQ(kept.size(), static_cast<size_t>(clips.total_frames()) - missing) << seconds;
    }
  }
}

// A clip of five minutes at once took three times the memory of its parts.
TEST_F(TargetCaches, WindowsAreNoLongerThanInTraining) {
  for (const bool whole : {false, true}) {
    for (const TargetWindow& w : target_windows(clips, space.blueprint(), batch(whole, 1))) {
      EXPECT_EQ(w.frames, 50);  // of a second; all clips are longer
      EXPECT_GT(w.kept_frames, 0);
    }
  }
}

// Instance norm over 10 s leaves the targets of a crop smaller than instance norm over the crop,
// and validation, which runs the teacher, on another scale than training.
TEST_F(TargetCaches, HaveTheScaleOfUncachedOnes) {
  // The spread of cached targets within crops of a second, over that of uncached ones.
  const auto spread = [&](double seconds) {
    const TargetCache made(
        folder.path / "targets",
        {clips, {subnet}, space.blueprint(), objective.needs().rows, batch(false, seconds), "test"},
        CacheDtype::kFp16, {});
    double cached = 0, fresh = 0;
    Rng rng(3);
    for (int32_t i = 0; i < 40; ++i) {
      const int64_t first = clips.draw(50, rng);
      const at::Tensor expected = heard(first, 50);
      fresh += expected.std(0).mean().item<double>();
      cached += made.read(first, expected.size(0)).std(0).mean().item<double>();
    }
    return cached / fresh;
  };
  EXPECT_LT(spread(10), 0.6);  // as it was
  EXPECT_NEAR(spread(1), 1, 0.15);
}

TEST_F(TargetCaches, EqualTheTeachersOutput) {
  const JoinedClips::ClipSpan& clip = clips.clips()[4];
  const at::Tensor expected = heard(clip.first_frame, clip.frames);
  const double largest = expected.abs().max().item<double>();
  for (const CacheDtype dtype : {CacheDtype::kFp16, CacheDtype::kInt8}) {
    const TargetCache made = cache(dtype, true), again = cache(dtype, true);
    const at::Tensor read = made.read(clip.first_frame, expected.size(0));
    const double bound = dtype == CacheDtype::kFp16 ? 1e-3 : 1.0 / 127;
    EXPECT_LT((read - expected).abs().max().item<double>(), bound * largest);
    EXPECT_TRUE(again.read(0, 20).equal(made.read(0, 20)));
  }
  const at::Tensor windowed = cache(CacheDtype::kFp16, false).read(0, 400);
  EXPECT_LT((windowed - heard(0, 500).narrow(0, 0, 400)).abs().max().item<double>(), 1e-2);
}

// Columns of rows: each has its own scale, and rows in another order are the same file.
TEST_F(TargetCaches, RowsShareAFile) {
  const std::vector<Row> rows = {{.kind = RowKind::kHidden, .layer = 1},
                                 {.kind = RowKind::kKey, .layer = 2},
                                 {.kind = RowKind::kFfn, .layer = 2, .instance_norm = true}};
  const std::vector<Row> turned = {rows[2], rows[0], rows[1], rows[0]};
  const JoinedClips::ClipSpan& clip = clips.clips()[4];
  std::vector<float> audio(static_cast<size_t>(clip.frames * samples));
  clips.read(clip.first_frame, audio);
  const at::Tensor wave = at::from_blob(audio.data(), {1, std::ssize(audio)}).clone();
  const Rows expected = teacher_rows(rows, {&subnet, 1}, subnet.blueprint, make_batch(wave));
  for (const CacheDtype dtype : {CacheDtype::kFp16, CacheDtype::kInt8}) {
    const auto made = [&](const std::vector<Row>& which) {
      return TargetCache(folder.path / "targets",
                         {clips, {subnet}, space.blueprint(), which, batch(true), "test"}, dtype,
                         {});
    };
    const TargetCache one = made(rows);
    EXPECT_EQ(made(turned).path(), one.path());
    EXPECT_NE(made({rows[0]}).path(), one.path());
    Rows read;
    for (const TargetColumn& column : one.columns())
      read[column.row] = at::zeros({2, clip.frames, column.dim});
    ASSERT_EQ(read.size(), 3U);
    const int64_t frames = expected.begin()->second.size(1);
    one.copy_to(read, 1, clip.first_frame, frames);
    for (const auto& [name, row] : expected) {
      const double bound = dtype == CacheDtype::kFp16 ? 1e-3 : 1.0 / 127;
      const at::Tensor difference = read.at(name)[1].narrow(0, 0, frames) - row[0];
      EXPECT_LT(difference.abs().max().item<double>(), bound * row.abs().max().item<double>())
          << name;
      EXPECT_TRUE(read.at(name)[0].eq(0).all().item<bool>());
    }
  }
}

// What validation reads while training reads a cache.
TEST_F(TargetCaches, WindowTargetsAreThoseOfACache) {
  for (const CacheDtype dtype : {CacheDtype::kFp16, CacheDtype::kInt8}) {
    for (const bool whole_clips : {false, true}) {
      const TargetCache::Source source{
          clips, {subnet}, space.blueprint(), objective.needs().rows, batch(whole_clips, 0.7),
          "test"};
      const TargetCache cached(folder.path / "targets", source, dtype, {});
      const WindowTargets computed(source, dtype);
      ASSERT_EQ(computed.columns().size(), cached.columns().size());
      const double bound = dtype == CacheDtype::kFp16 ? 2e-3 : 1.0 / 64;
      Rng rng(4);
      for (int32_t i = 0; i < 20; ++i) {
        const int64_t frames = 1 + rng.below(80);
        const int64_t first = rng.below(clips.total_frames() - frames);
        const at::Tensor expected = cached.read(first, frames);
        EXPECT_TRUE(computed.read(first, frames).allclose(expected, bound, bound)) << first;
      }
      EXPECT_GT(cached.read(0, 20).abs().max().item<double>(), 0.1);
      const int64_t all = clips.total_frames();
      EXPECT_TRUE(computed.read(all - 1, 1).eq(0).all().item<bool>());  // no frame of the encoder
    }
  }
}

TEST_F(TargetCaches, AStoppedPassIsResumed) {
  const TargetCache whole = cache(CacheDtype::kFp16, true);
  const at::Tensor expected = whole.read(0, clips.total_frames() - 1);
  fs::remove_all(folder.path / "targets");
  StopSource stop;
  stop.request(StopReason::kInterrupt);
  int32_t sessions = 0;
  const auto stopped = [&] {
    ++sessions;
    try {
      cache(CacheDtype::kFp16, true, stop.token());
      return false;
    } catch (const Interrupted&) {
      return true;
    }
  };
  while (stopped()) ASSERT_LT(sessions, 20);
  EXPECT_GT(sessions, 2);
  EXPECT_TRUE(cache(CacheDtype::kFp16, true).read(0, clips.total_frames() - 1).equal(expected));
  for (const auto& entry : fs::directory_iterator(folder.path / "targets")) {
    EXPECT_EQ(entry.path().extension(), ".safetensors");
  }
}

}  // namespace
}  // namespace concertina
