#include "distill/pretrain/units.h"

#include <gtest/gtest.h>

#include "core/errors.h"
#include "distill/objective/kmeans.h"
#include "supernet/model/forward.h"
#include "supernet/nn/mel.h"
#include "tests/distill/tiny.h"

namespace concertina {
namespace {

TEST(KMeans, FindsTheBlobs) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(uint64_t{1});
  const at::Tensor centres =
      at::tensor({0.0F, 0.0F, 10.0F, 0.0F, 0.0F, 10.0F, 10.0F, 10.0F}).view({4, 2});
  const at::Tensor truth = at::arange(4000, at::kLong).remainder(4);
  const at::Tensor points =
      centres.index_select(0, truth) + at::empty({4000, 2}).normal_(0, 0.5, generator);
  const at::Tensor found = kmeans(points, 4, 10, Rng(2));
  const at::Tensor nearest = nearest_centroid(centres, found);
  EXPECT_LT((found.index_select(0, nearest) - centres).abs().max().item<double>(), 0.1);
  const at::Tensor labels = nearest_centroid(points, found);
  EXPECT_GT(labels.eq(nearest.index_select(0, truth)).to(at::kFloat).mean().item<double>(), 0.999);
  EXPECT_TRUE(found.equal(kmeans(points, 4, 10, Rng(2))));
}

// One iteration finds the blobs from few seeds only.
TEST(KMeans, RestartsKeepTheBestRun) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(uint64_t{1});
  const at::Tensor points = at::empty({500, 3}).normal_(0, 1, generator);
  const auto fit = [&](int32_t restarts) { return kmeans(points, 8, 1, Rng(2), restarts); };
  double before = distortion(points, fit(0));
  EXPECT_TRUE(fit(0).equal(kmeans(points, 8, 1, Rng(2))));
  const double first = before;
  for (const int32_t restarts : {1, 4, 20}) {
    const double now = distortion(points, fit(restarts));
    EXPECT_LE(now, before);
    before = now;
  }
  EXPECT_LT(before, first);
  EXPECT_TRUE(fit(4).equal(fit(4)));
}

TEST(KMeans, TheDistortionIsTheMeanSquaredDistance) {
  const at::Tensor points = at::tensor({0.0F, 1.0F, 10.0F, 13.0F}).view({4, 1});
  const at::Tensor centroids = at::tensor({0.0F, 11.0F}).view({2, 1});
  EXPECT_DOUBLE_EQ(distortion(points, centroids), (0 + 1 + 1 + 4) / 4.0);
}

TEST(KMeans, KeepsEveryClusterAlive) {
  const at::Tensor points = at::cat({at::zeros({50, 2}), at::ones({3, 2})});
  const at::Tensor found = kmeans(points, 2, 5, Rng(1));
  EXPECT_EQ(nearest_centroid(points, found)
                .narrow(0, 50, 3)
                .eq(nearest_centroid(points, found)[0])
                .sum()
                .item<int64_t>(),
            0);
}

TEST(Units, UseFeaturesOfTheFramesOwnClip) {
  testing::TempFolder folder("units");
  const JoinedClips clips(testing::tiny_corpus(folder.path), Split::kTrain, 320);
  UnitOptions options;
  options.coefficients = 5;
  options.splice = 4;
  const size_t last = clips.clips().size();
  const at::Tensor all = mfcc_features(options)(clips, 0, last);
  ASSERT_EQ(all.sizes(), (std::vector<int64_t>{clips.total_frames(), 20}));
  // The second clip alone gives the same rows, except for windows that extend into the next clip.
  const auto& span = clips.clips()[1];
  const at::Tensor alone = mfcc_features(options)(clips, 1, 2);
  EXPECT_TRUE(alone.allclose(all.narrow(0, span.first_frame, span.frames), 1e-4, 1e-4));
  // Frame t is described by 10 ms frames 2t-1 .. 2t+2, the clip's mean removed.
  std::vector<float> wave(static_cast<size_t>(span.frames * 320));
  clips.read(span.first_frame, wave);
  const at::Tensor mfccs = mfcc(at::tensor(wave).unsqueeze(0), 5)[0];
  const at::Tensor inner = alone[10].view({4, 5}) - alone[11].view({4, 5});
  EXPECT_TRUE(inner.allclose(mfccs.narrow(0, 19, 4) - mfccs.narrow(0, 21, 4), 1e-4, 1e-4));
}

TEST(Units, AreTheSameForTheSameSeed) {
  testing::TempFolder folder("labels");
  const JoinedClips clips(testing::tiny_corpus(folder.path), Split::kTrain, 320);
  UnitOptions options;
  options.clusters = 6;
  options.sample_frames = 300;
  const UnitFeatures features = mfcc_features(options);
  const at::Tensor centroids = fit_units(clips, options, features, Rng(1)).centroids;
  const at::Tensor labels = label_frames(clips, features, centroids);
  EXPECT_EQ(labels.numel(), clips.total_frames());
  EXPECT_EQ(labels.scalar_type(), at::kShort);
  EXPECT_GT(labels.max().item<int64_t>(), 2);
  const UnitFit again = fit_units(clips, options, features, Rng(1));
  EXPECT_TRUE(labels.equal(label_frames(clips, features, again.centroids)));
}

// Frames of a trained model describe the stream frame by frame, each clip by itself.
TEST(Units, OfALayerAreTheModelsHiddenStates) {
  testing::TempFolder folder("layer units");
  const JoinedClips clips(testing::tiny_corpus(folder.path), Split::kTrain, 320);
  for (const SearchSpace& space : {testing::tiny_space(), testing::tiny_wave_space()}) {
    const Supernet model = Supernet::random(testing::tiny_teacher(space), Rng(3));
    const UnitFeatures features = layer_features(model, 1, at::kFloat, at::kCPU);
    const at::Tensor all = features(clips, 0, clips.clips().size());
    ASSERT_EQ(all.sizes(), (std::vector<int64_t>{clips.total_frames(), 32}));
    const auto& span = clips.clips()[1];
    std::vector<float> wave(static_cast<size_t>(span.frames * 320));
    clips.read(span.first_frame, wave);
    const Subnet subnet = model.slice(model.space().largest());
    const at::Tensor hidden =
        encode(subnet, make_batch(at::tensor(wave).unsqueeze(0)), {.hidden = {1}}).hidden[1][0];
    const at::Tensor own = all.narrow(0, span.first_frame, span.frames);
    EXPECT_LE(span.frames - hidden.size(0), 1);
    EXPECT_TRUE(own.narrow(0, 0, hidden.size(0)).allclose(hidden, 1e-4, 1e-5));
    EXPECT_TRUE(own[-1].allclose(hidden[-1], 1e-4, 1e-5));
  }
}

TEST(Units, OfALayerNeedALayerAndFramesOf20Ms) {
  const Supernet model = Supernet::random(testing::tiny_teacher(testing::tiny_space()), Rng(3));
  EXPECT_THROW(layer_features(model, 3, at::kFloat, at::kCPU), InputError);
  SpaceChoices slow = testing::tiny_space().choices();
  slow.frame_period_us = {40000};
  const SearchSpace space(testing::tiny_space().blueprint(), slow);
  EXPECT_THROW(layer_features(Supernet::random(space, Rng(3)), 1, at::kFloat, at::kCPU),
               InputError);
}

}  // namespace
}  // namespace concertina
