#include "supernet/checkpoint/lighthubert.h"

namespace concertina {

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

SearchSpace lighthubert_space(LightHubertSpace which, const Blueprint& blueprint,
                              const Architecture& storage) {
  const bool small = which == LightHubertSpace::kSmall;
  SpaceDefault named{
      .embed_dim = small ? 384 : 640, .depth = 12, .heads = small ? 6 : 10, .ffn_ratio = 4.0};
  return SearchSpace(blueprint, lighthubert_choices(which), named, SlicingRule::kLightHubert,
                     storage);
}

}  // namespace concertina
