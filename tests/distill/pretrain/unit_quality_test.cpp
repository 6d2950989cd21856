#include "distill/pretrain/unit_quality.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/files.h"
#include "tests/distill/training.h"

namespace concertina {
namespace {

at::Tensor integers(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

TEST(UnitQuality, IsOneWhereUnitsArePhones) {
  const auto quality = unit_quality(integers({3, 3, 0, 1, 7}), integers({0, 0, 1, 2, -1}));
  ASSERT_TRUE(quality.has_value());
  EXPECT_EQ(quality->frames, 4);
  EXPECT_DOUBLE_EQ(quality->phone_purity, 1);
  EXPECT_DOUBLE_EQ(quality->cluster_purity, 1);
  EXPECT_NEAR(quality->pnmi, 1, 1e-12);
}

TEST(UnitQuality, IsThatOfTheFormulas) {
  // Phone 0: units 0, 0, 1; phone 1: unit 1. p(y, z) = .5, .25, .25.
  const auto quality = unit_quality(integers({0, 0, 1, 1}), integers({0, 0, 0, 1}));
  EXPECT_DOUBLE_EQ(quality->phone_purity, 0.75);
  EXPECT_DOUBLE_EQ(quality->cluster_purity, 0.75);
  const double phones = -0.75 * std::log(0.75) - 0.25 * std::log(0.25), units = std::log(2.0);
  const double joint = -0.5 * std::log(0.5) - 0.5 * std::log(0.25);
  EXPECT_NEAR(quality->pnmi, (phones + units - joint) / phones, 1e-12);
  EXPECT_EQ(unit_quality(integers({0, 1}), integers({1, 1}))->pnmi, 0);
  EXPECT_FALSE(unit_quality(integers({0, 1}), integers({-1, -1})).has_value());
}

class UnitQualityOfClips : public testing::Training {};

TEST_F(UnitQualityOfClips, PhonesAreThoseAtTheCentreOfAFrame) {
  write_atomically(folder.path / "a.lab", "signal a\n#\n0.05 125 pau\n0.10 125 ae\n0.2 125 pau\n");
  for (Clip& clip : manifest.clips) {
    if (clip.id == "clip1") clip.phones = "a.lab";
  }
  const JoinedClips clips(manifest, Split::kTrain, 320);
  const at::Tensor phones = phones_of_frames(clips);
  EXPECT_EQ(phones.numel(), clips.total_frames());
  const auto& span = clips.clips()[1];
  EXPECT_EQ(clips.manifest().clips[static_cast<size_t>(span.clip)].id, "clip1");
  const at::Tensor own = phones.narrow(0, span.first_frame, 12);
  EXPECT_TRUE(own.equal(integers({0, 0, 1, 1, 1, 0, 0, 0, 0, 0, -1, -1}))) << own;
  EXPECT_EQ(phones.ge(0).sum().item<int64_t>(), 10);

  PretrainOptions options = testing::tiny_pretraining();
  options.train.steps = 1;
  pretrain_teacher(options, space, manifest, context("teacher"));
  EXPECT_THAT(read_text(folder.path / "teacher/units.json"),
              ::testing::AllOf(::testing::HasSubstr("\"distortion\""),
                               ::testing::HasSubstr("\"training\":{\"frames\":10,"),
                               ::testing::HasSubstr("\"pnmi\"")));
}

}  // namespace
}  // namespace concertina
