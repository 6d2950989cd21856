#include "supernet/model/unit_order.h"

#include <gtest/gtest.h>

#include <set>

#include "core/errors.h"
#include "supernet/model/activation_scores.h"
#include "supernet/nn/front_end.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using testing::max_difference;

struct Case {
  const char* name;
  Blueprint blueprint;
  SlicingRule rule = SlicingRule::kPrefix;
};

Blueprint wavlm() {
  Blueprint blueprint = testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost);
  blueprint.head_dim = 32;  // the gate wants head_dim * heads <= E
  blueprint.relative_position.buckets = 32;
  return blueprint;
}

Blueprint with_reuse(Blueprint blueprint) {
  blueprint.attention_reuse = {1, 3};
  return blueprint;
}

Blueprint with_rate(Blueprint blueprint) {
  blueprint.rate = RateKind::kCif;
  return blueprint;
}

UnitScores random_scores(const SearchSpace& space, uint64_t seed) {
  Rng rng(seed);
  UnitScores scores;
  for (const UnitCount& group : unit_groups(space.blueprint(), space.storage())) {
    for (int64_t i = 0; i < group.units; ++i) scores[group.group].push_back(rng.uniform());
  }
  return scores;
}

class ReorderTest : public ::testing::TestWithParam<Case> {};

// Every hidden state of the full network, its channels in their new order.
TEST_P(ReorderTest, TheFullNetworkIsUnchanged) {
  const SearchSpace space = testing::small_space(GetParam().blueprint, GetParam().rule);
  const Supernet model = testing::perturbed(space, 1);
  const UnitOrders orders = order_by(space, random_scores(space, 2));
  const Supernet sorted = reorder(model, orders);
  const SpeechBatch batch = make_batch(testing::noise(2, 12000, 3));
  at::InferenceMode inference;
  for (const Architecture& full : {space.whole(), space.storage().shape}) {
    const EncoderOutput before = encode(model.slice(full), batch, {.all_hidden = true});
    const EncoderOutput after = encode(sorted.slice(full), batch, {.all_hidden = true});
    for (size_t i = 0; i < before.hidden.size(); ++i) {
      const auto embed = orders.find({UnitKind::kEmbed});
      const bool moves = embed != orders.end();  // else tied: the states stay as they are
      const at::Tensor expected =
          moves ? reorder(before.hidden[i], 2, embed->second) : before.hidden[i];
      EXPECT_LE(max_difference(after.hidden[i], expected),
                1e-4 * expected.abs().max().item<double>())
          << i;
      if (moves) {
        EXPECT_GT(max_difference(after.hidden[i], before.hidden[i]), 0.1) << "none moved";
      }
    }
  }
}

TEST_P(ReorderTest, EveryGroupMovesAndIsAPermutation) {
  const SearchSpace space = testing::small_space(GetParam().blueprint, GetParam().rule);
  const UnitOrders orders = order_by(space, random_scores(space, 4));
  for (const UnitCount& group : unit_groups(space.blueprint(), space.storage())) {
    const auto& order = orders.at(group.group);
    const std::set<int64_t> units(order.begin(), order.end());
    EXPECT_EQ(std::ssize(order), group.units);
    EXPECT_EQ(std::ssize(units), group.units) << name_of(group.group);
    EXPECT_EQ(*units.rbegin(), group.units - 1);
    EXPECT_TRUE(group.units <= 2 || !std::ranges::is_sorted(order)) << name_of(group.group);
  }
}

// What the smallest member keeps of heads, FFN units and conv channels is the best there is.
TEST_P(ReorderTest, TheSmallestMemberKeepsTheMostImportant) {
  const SearchSpace space = testing::small_space(GetParam().blueprint, GetParam().rule);
  const UnitScores scores = random_scores(space, 5);
  const UnitOrders orders = order_by(space, scores);
  for (const TensorSlice& slice :
       tensor_slices(space.blueprint(), space.storage(), space.smallest())) {
    for (const UnitAxis& axis : unit_axes(space.blueprint(), slice.name)) {
      if (axis.group.kind == UnitKind::kEmbed) continue;
      const int64_t block = axis.group.kind == UnitKind::kHeads ? space.blueprint().head_dim : 1;
      const DimSlice& dim = slice.dims[static_cast<size_t>(axis.dim)];
      const auto& order = orders.at(axis.group);
      const std::vector<double>& score = scores.at(axis.group);
      std::multiset<double> kept;
      for (int64_t i = 0; i < dim.size; i += block) {
        const int64_t place = dim.indices.empty() ? i / block : dim.indices[static_cast<size_t>(i)];
        kept.insert(score[static_cast<size_t>(order[static_cast<size_t>(place)])]);
      }
      std::vector<double> best = score;
      std::ranges::sort(best, std::ranges::greater());
      best.resize(kept.size());
      EXPECT_EQ(kept, std::multiset<double>(best.begin(), best.end())) << slice.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Blueprints, ReorderTest,
    ::testing::Values(
        Case{"mel", testing::mel_blueprint()},
        Case{"wave_group_post",
             testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost)},
        Case{"wave_layer_post",
             testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPost)},
        Case{"wave_layer_pre", testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPre)},
        Case{"wave_group_rate",
             with_rate(testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost))},
        Case{"wave_layer_rate",
             with_rate(testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPre))},
        Case{"wavlm", wavlm()}, Case{"whisper", testing::whisper_blueprint()},
        Case{"attention_reuse", with_reuse(testing::mel_blueprint())},
        Case{"lighthubert", testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPost),
             SlicingRule::kLightHubert}),
    [](const auto& instance) { return std::string(instance.param.name); });

// A prefix of interleaved groups keeps the first positions of each, where its best channels are.
TEST(OrderBy, InterleavedChannelsStayInTheirGroupBestFirst) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const UnitScores scores = random_scores(space, 6);
  const auto& score = scores.at({UnitKind::kEmbed});
  const auto order = order_by(space, scores).at({UnitKind::kEmbed});
  for (size_t place = 0; place < order.size(); ++place) {
    EXPECT_EQ(order[place] % 16, static_cast<int64_t>(place) % 16);
    if (place < 16) continue;
    EXPECT_GE(score[static_cast<size_t>(order[place - 16])],
              score[static_cast<size_t>(order[place])]);
  }
}

// Groups of neighbours keep their members; the groups themselves go by their sum.
TEST(OrderBy, ContiguousGroupsMoveAsBlocks) {
  const SearchSpace space =
      testing::small_space(testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost));
  const UnitScores scores = random_scores(space, 7);
  const auto& score = scores.at({UnitKind::kEmbed});
  const auto order = order_by(space, scores).at({UnitKind::kEmbed});
  const size_t width = order.size() / 16;
  double last_sum = 1e9;
  for (size_t block = 0; block < 16; ++block) {
    double sum = 0;
    for (size_t i = 0; i < width; ++i) {
      const int64_t unit = order[block * width + i];
      EXPECT_EQ(unit / static_cast<int64_t>(width),
                order[block * width] / static_cast<int64_t>(width));
      sum += score[static_cast<size_t>(unit)];
    }
    EXPECT_LE(sum, last_sum);
    last_sum = sum;
  }
}

TEST(Reorder, AnUnknownTensorIsRefused) {
  Supernet model = Supernet::random(testing::small_space(testing::mel_blueprint()), Rng(1));
  model.weights()["encoder.layers.0.self_attn.grep_linear.weight"] = at::zeros({1});
  EXPECT_THROW(reorder(model, {}), InputError);
}

// A unit that nothing reads has no score, whatever it does.
TEST(Scores, UnreadUnitsComeLast) {
  for (const Blueprint& blueprint :
       {testing::mel_blueprint(),
        testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost),
        with_rate(testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPre))}) {
    const SearchSpace space = testing::small_space(blueprint);
    Supernet model = testing::perturbed(space, 8);
    model.weights().at("encoder.layers.1.fc2.weight").select(1, 3).zero_();
    model.weights().at("encoder.layers.2.self_attn.out_proj.weight").narrow(1, 0, 64).zero_();
    const bool wave = blueprint.front_end == FrontEndKind::kWave;
    if (wave) model.weights().at("feature_extractor.conv_layers.4.0.weight").select(1, 7).zero_();
    const SpeechBatch batch = make_batch(testing::noise(2, 8000, 9));
    const UnitScores scores = activation_scores(model, {&batch, 1});
    const auto expect_last = [&](const UnitGroup& group, size_t unit) {
      const std::vector<double>& values = scores.at(group);
      EXPECT_LE(values[unit], 1e-5);
      EXPECT_EQ(std::ranges::count_if(values, [](double v) { return v <= 1e-4; }), 1);
      EXPECT_EQ(order_by(space, scores).at(group).back(), static_cast<int64_t>(unit));
    };
    expect_last({UnitKind::kFfn, 1}, 3);
    expect_last({UnitKind::kHeads, 2}, 0);
    if (wave) expect_last({UnitKind::kConv, 3}, 7);
  }
}

// The scores' own walk through the conv stack is the front end's.
TEST(Scores, ConvActivationsAreTheFrontEnds) {
  for (const ExtractorNorm norm : {ExtractorNorm::kGroup, ExtractorNorm::kLayer}) {
    const SearchSpace space =
        testing::small_space(testing::wave_blueprint(norm, NormPosition::kPost));
    const Supernet model = testing::perturbed(space, 10);
    const SpeechBatch batch = make_batch(testing::noise(2, 8000, 11));
    const Subnet whole = model.slice(space.whole());
    const at::Tensor features =
        front_end(space.blueprint(), whole.weights, batch.waveform, batch.lengths).x;
    const at::Tensor expected =
        features.abs().mean(at::IntArrayRef{0, 1}) * whole.weights.projection.weight.norm(2, 0);
    const std::vector<double> scores =
        activation_scores(model, {&batch, 1}).at({UnitKind::kConv, 6});
    EXPECT_LE(max_difference(at::tensor(scores, at::kDouble), expected), 1e-4);
  }
}

TEST(Scores, MagnitudeIsTheNormOfWritersAndReaders) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const Supernet model = testing::perturbed(space, 12);
  const auto& weights = model.weights();
  const std::string layer = "encoder.layers.0.";
  const at::Tensor ffn = (weights.at(layer + "fc1.weight").square().sum(1) +
                          weights.at(layer + "fc2.weight").square().sum(0))
                             .sqrt();
  EXPECT_NEAR(magnitude_scores(model).at({UnitKind::kFfn, 0})[5], ffn[5].item<double>(), 1e-5);
  at::Tensor head =
      weights.at(layer + "self_attn.out_proj.weight").narrow(1, 64, 64).square().sum();
  for (const char* part : {"q", "k", "v"}) {
    head +=
        weights.at(layer + "self_attn." + part + "_proj.weight").narrow(0, 64, 64).square().sum();
  }
  EXPECT_NEAR(magnitude_scores(model).at({UnitKind::kHeads, 0})[1], head.sqrt().item<double>(),
              1e-4);
}

}  // namespace
}  // namespace concertina
