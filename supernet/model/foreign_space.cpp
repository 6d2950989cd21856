#include "supernet/model/foreign_space.h"

namespace concertina {
namespace {

SpaceChoices lighthubert_choices(LightHubertSpace which) {
  const bool small = which == LightHubertSpace::kSmall;
  SpaceChoices choices;
  choices.conv_channels = {std::vector<int32_t>(7, 512)};
  choices.embed_dim = small ? std::vector<int32_t>{256, 384, 512} : std::vector{512, 640, 768};
  choices.frame_period_us = {20000};
  choices.heads = small ? std::vector<int32_t>{4, 6, 8} : std::vector{8, 10, 12};
  choices.ffn_ratio = small ? std::vector<double>{3.0, 3.5, 4.0} : std::vector{3.5, 4.0};
  choices.depth = small ? std::vector<int32_t>{10, 11, 12} : std::vector{12};
  choices.policy = DepthPolicy::kLightHubert;
  return choices;
}

}  // namespace

SearchSpace space_of(const ForeignModel& model) {
  if (!model.space) return SearchSpace::single(model.blueprint, model.storage);
  const bool small = *model.space == LightHubertSpace::kSmall;
  SpaceDefault named{
      .embed_dim = small ? 384 : 640, .depth = 12, .heads = small ? 6 : 10, .ffn_ratio = 4.0};
  return SearchSpace(model.blueprint, lighthubert_choices(*model.space), named, model.storage.rule,
                     model.storage.shape);
}

std::optional<LightHubertSpace> lighthubert_space(const SearchSpace& space) {
  if (space.storage().rule != SlicingRule::kLightHubert) return std::nullopt;
  for (const LightHubertSpace which : {LightHubertSpace::kBase, LightHubertSpace::kSmall}) {
    if (space.choices().embed_dim == lighthubert_choices(which).embed_dim) return which;
  }
  return std::nullopt;
}

}  // namespace concertina
