#include "supernet/model/foreign_space.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "supernet/checkpoint/fairseq.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

TEST(ForeignSpace, LightHubertSpacesAreThoseOfItsFiles) {
  for (const auto& [name, count] :
       {std::pair{"base", "6530347008"}, std::pair{"small", "951892141473"}}) {
    const nlohmann::json config = {
        {"cfg",
         {{"model",
           {{"_name", "hubert_pruner"},
            {"pruner_supernet", "a/Supernet_" + std::string(name) + ".yaml"}}}}}};
    const ForeignModel model = fairseq_model(Settings::from_json(config.dump(), "f.pt"));
    const SearchSpace space = space_of(model);
    EXPECT_EQ(model.kind, "LightHuBERT " + std::string(name) + " supernet");
    EXPECT_EQ(space.size(), count);
    const SearchSpace listed = load_search_space(
        fmt::format("{}/configs/spaces/lighthubert-{}.yaml", CONCERTINA_SOURCE_DIR, name));
    EXPECT_EQ(space.default_architecture(), listed.default_architecture());
    EXPECT_EQ(space.smallest(), listed.smallest());
    EXPECT_EQ(space.storage().shape, listed.storage().shape);
    EXPECT_EQ(model.blueprint.wave.norm, ExtractorNorm::kLayer);  // the package's default
    EXPECT_TRUE(model.blueprint.normalize_waveform);

    NamedSettings written =
        fairseq_settings(model.blueprint, model.storage.shape, lighthubert_space(space));
    EXPECT_EQ(written[0].first, "pruner_supernet");
    EXPECT_EQ(std::get<std::string>(written[0].second), std::string(name) + ".yaml");
  }
}

}  // namespace
}  // namespace concertina
