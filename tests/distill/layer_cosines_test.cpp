#include "distill/layer_cosines.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/errors.h"
#include "distill/clip_beginning.h"
#include "supernet/model/forward.h"
#include "supernet/space/drop_order.h"
#include "tests/distill/tiny.h"

namespace concertina {
namespace {

SearchSpace four_layers(NormPosition position) {
  Blueprint blueprint = testing::tiny_space().blueprint();
  blueprint.norm_position = position;
  SpaceChoices choices = testing::tiny_space().choices();
  choices.storage_depth = 4;
  choices.depth = {1, 2, 3, 4};
  return SearchSpace(blueprint, choices);
}

// With norms after the blocks the input is normed already, so norms with initial weights keep it.
void make_identity(Supernet& model, int32_t layer) {
  const std::string prefix = "encoder.layers." + std::to_string(layer) + ".";
  for (const char* last : {"self_attn.out_proj", "fc2"}) {
    for (const char* part : {".weight", ".bias"}) model.weights().at(prefix + last + part).zero_();
  }
}

struct Measured : ::testing::Test {
  testing::TempFolder folder{"layer-cosines"};
  Manifest manifest = testing::tiny_corpus(folder.path);
  std::vector<size_t> clips = {3, 7, 11};

  LayerCosines cosines_of(const Supernet& model, const std::string& which = "largest") const {
    const SearchSpace& space = model.space();
    const Architecture arch = which == "largest" ? space.largest() : space.smallest();
    return layer_cosines(model.slice(arch), manifest, clips, 15, {});
  }
};

TEST_F(Measured, AnIdentityIsDroppedFirst) {
  for (const NormPosition position : {NormPosition::kPost, NormPosition::kPre}) {
    for (const int32_t identity : {1, 3}) {
      Supernet model = Supernet::random(four_layers(position), Rng(1));
      make_identity(model, identity);
      const LayerCosines found = cosines_of(model);
      ASSERT_EQ(found.cosines.size(), 4U);
      for (int32_t layer = 0; layer < 4; ++layer) {
        const double cosine = found.cosines[static_cast<size_t>(layer)];
        if (layer == identity)
          EXPECT_NEAR(cosine, 1, 1e-4);
        else
          EXPECT_LT(cosine, 0.999);
      }
      const auto order = drop_order(found.cosines);
      EXPECT_EQ(order.front(), identity);
      const SearchSpace space = with_drop_order(model.space(), order);
      const auto kept = kept_layers(space.choices(), 3);
      EXPECT_EQ(std::ranges::count(kept, identity), 0);
      EXPECT_NO_THROW(model.slice(space.smallest()));
    }
  }
}

// From the formula, over all frames of all clips: longer clips weigh more.
TEST_F(Measured, CosinesAreMeansOverFrames) {
  const Supernet model = Supernet::random(four_layers(NormPosition::kPost), Rng(2));
  for (const char* which : {"largest", "smallest"}) {
    const LayerCosines found = cosines_of(model, which);
    const bool largest = which == std::string("largest");
    const Subnet net = model.slice(largest ? model.space().largest() : model.space().smallest());
    std::vector<double> sums(found.cosines.size());
    int64_t frames = 0;
    WantedOutputs wants;
    wants.all_hidden = true;
    for (const size_t clip : clips) {
      const auto hidden =
          encode(net, beginning_of(net.blueprint, manifest, manifest.clips[clip], 15), wants)
              .hidden;
      for (int64_t t = 0; t < hidden[0].size(1); ++t, ++frames) {
        for (size_t layer = 0; layer < sums.size(); ++layer) {
          const at::Tensor x = hidden[layer][0][t].to(at::kDouble);
          const at::Tensor y = hidden[layer + 1][0][t].to(at::kDouble);
          sums[layer] += (x.dot(y) / (x.norm() * y.norm())).item<double>();
        }
      }
    }
    EXPECT_EQ(found.frames, frames);
    for (size_t layer = 0; layer < sums.size(); ++layer)
      EXPECT_NEAR(found.cosines[layer], sums[layer] / static_cast<double>(frames), 1e-6);
  }
}

TEST_F(Measured, TheSameTwiceAndTheBeginningOfClipsAlone) {
  const Supernet model = Supernet::random(four_layers(NormPosition::kPost), Rng(3));
  EXPECT_EQ(cosines_of(model).cosines, cosines_of(model).cosines);
  const LayerCosines half =
      layer_cosines(model.slice(model.space().largest()), manifest, clips, 0.5, {});
  EXPECT_EQ(half.frames, 3 * model.blueprint().frames(8000));
  EXPECT_LT(half.frames, cosines_of(model).frames);
}

TEST_F(Measured, RefusesNoClipsAndStatesThatAreNotFinite) {
  Supernet model = Supernet::random(four_layers(NormPosition::kPost), Rng(4));
  EXPECT_THROW(layer_cosines(model.slice(model.space().largest()), manifest, {}, 15, {}),
               InputError);
  model.weights().at("encoder.layers.2.fc2.bias").fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_THROW(cosines_of(model), NumericError);
}

}  // namespace
}  // namespace concertina
