#include "supernet/space/unit_axes.h"

#include <gmock/gmock.h>

#include <map>
#include <numeric>
#include <set>

#include "core/errors.h"
#include "supernet/space/slicing.h"
#include "tests/space/spaces.h"

namespace concertina {
namespace {

// Joined frames cannot be sorted.
SearchSpace plain_whisper_space() {
  Blueprint blueprint = whisper_space().blueprint();
  blueprint.rate = RateKind::kNone;
  SpaceChoices choices = whisper_space().choices();
  choices.frame_period_us = {20000};
  return SearchSpace(blueprint, choices);
}

std::vector<SearchSpace> spaces() {
  return {load_space("pocket.yaml"),
          load_space("pocket-wave.yaml"),
          load_space("lighthubert-small.yaml"),
          rich_space(),
          wave_space(),
          plain_whisper_space()};
}

std::map<UnitGroup, int64_t> counts(const SearchSpace& space) {
  std::map<UnitGroup, int64_t> counts;
  for (const UnitCount& count : unit_groups(space.blueprint(), space.storage())) {
    EXPECT_TRUE(counts.emplace(count.group, count.units).second) << name_of(count.group);
  }
  return counts;
}

// Positions along `dim` that `axis` runs over, for the shape of `whole`.
int64_t extent(const SearchSpace& space, const UnitAxis& axis, int64_t units) {
  if (axis.group.kind == UnitKind::kHeads) return units * space.blueprint().head_dim;
  return axis.within_group ? units / space.blueprint().positional.groups : units;
}

TEST(UnitAxes, HaveTheSizeOfTheirTensors) {
  for (const SearchSpace& space : spaces()) {
    const auto units = counts(space);
    const Storage storage = space.storage();
    for (const TensorSlice& slice : tensor_slices(space.blueprint(), storage, storage.shape)) {
      for (const UnitAxis& axis : unit_axes(space.blueprint(), slice.name)) {
        EXPECT_EQ(slice.dims[static_cast<size_t>(axis.dim)].size,
                  extent(space, axis, units.at(axis.group)))
            << slice.name;
      }
    }
  }
}

// A dimension that some member shortens has an axis: else the sort would shuffle what slicing cuts.
TEST(UnitAxes, CoverEveryElasticDimension) {
  Rng rng(1);
  for (const SearchSpace& space : spaces()) {
    const Storage storage = space.storage();
    std::map<std::string, std::vector<DimSlice>> stored;
    for (const TensorSlice& slice : tensor_slices(space.blueprint(), storage, storage.shape)) {
      stored[slice.name] = slice.dims;
    }
    for (int32_t i = 0; i < 30; ++i) {
      for (const TensorSlice& slice :
           tensor_slices(space.blueprint(), storage, space.sample(rng))) {
        std::set<int64_t> known;
        for (const UnitAxis& axis : unit_axes(space.blueprint(), slice.name))
          known.insert(axis.dim);
        for (size_t d = 0; d < slice.dims.size(); ++d) {
          const bool elastic = slice.dims[d].size != stored.at(slice.name)[d].size;
          EXPECT_TRUE(!elastic || known.contains(static_cast<int64_t>(d)))
              << slice.name << " " << d;
        }
      }
    }
  }
}

TEST(UnitAxes, EveryGroupIsWrittenAndRead) {
  for (const SearchSpace& space : spaces()) {
    std::set<UnitGroup> written, read;
    const Storage storage = space.storage();
    for (const TensorSlice& slice : tensor_slices(space.blueprint(), storage, storage.shape)) {
      for (const UnitAxis& axis : unit_axes(space.blueprint(), slice.name)) {
        (axis.reads ? read : written).insert(axis.group);
      }
    }
    for (const auto& [group, units] : counts(space)) {
      EXPECT_TRUE(written.contains(group)) << name_of(group);
      EXPECT_TRUE(read.contains(group)) << name_of(group);
    }
  }
}

TEST(UnitAxes, AnUnknownTensorIsRefused) {
  for (const char* name :
       {"encoder.layers.0.self_attn.unheard_of.weight", "encoder.layers.x.fc1.weight",
        "encoder.layers.0.fc1.scale", "surplus", "encoder.pos_conv.1.weight"}) {
    EXPECT_THROW(unit_axes(Blueprint(), name), InputError) << name;
  }
}

TEST(Positions, AreAPrefixUnderThePrefixRule) {
  const SearchSpace pocket = load_space("pocket.yaml");
  std::vector<int64_t> ascending(1024);
  std::iota(ascending.begin(), ascending.end(), 0);
  EXPECT_EQ(positions_by_use(pocket, {{UnitKind::kFfn, 2}, 1024}), ascending);
}

// The positions that the smallest member keeps come first, whatever the rule.
TEST(Positions, UnderLightHubertsRuleTheSmallestMemberHasTheMostUsedOnes) {
  const SearchSpace small = load_space("lighthubert-small.yaml");
  const std::vector<int64_t> positions = positions_by_use(small, {{UnitKind::kFfn, 0}, 3072});
  const std::set<int64_t> all(positions.begin(), positions.end());
  EXPECT_EQ(all.size(), 3072U);
  const std::set<int64_t> first(positions.begin(), positions.begin() + 768);
  const std::vector<int64_t> kept = interleaved_ffn_rows(768, 256, 768);
  EXPECT_EQ(first, std::set<int64_t>(kept.begin(), kept.end()));
  EXPECT_EQ(positions_by_use(small, {{UnitKind::kHeads, 0}, 12}).front(), 0);
}

TEST(ConvPositions, RoundTrip) {
  for (const bool interleaved : {false, true}) {
    const PositionalConv conv{.groups = 4, .interleaved = interleaved};
    std::map<int64_t, int64_t> members;
    for (int64_t channel = 0; channel < 24; ++channel) {
      const ConvPosition at = conv_position(conv, 24, channel);
      EXPECT_EQ(channel_at(conv, 24, at), channel);
      EXPECT_EQ(at.group, interleaved ? channel % 4 : channel / 6);
      ++members[at.group];
    }
    for (const auto& [group, count] : members) EXPECT_EQ(count, 6) << group;
  }
}

}  // namespace
}  // namespace concertina
