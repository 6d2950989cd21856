#include "supernet/model/model_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/errors.h"
#include "core/files.h"
#include "core/mapped_file.h"
#include "core/rng.h"
#include "supernet/model/safetensors.h"
#include "supernet/space/search_space_config.h"
#include "tests/damage.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

class ModelFileTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_ = std::filesystem::temp_directory_path() /
                                  ("concertina-model-file-" + std::to_string(::getpid()));
};

TEST_F(ModelFileTest, RoundTripKeepsWeightsAndSpace) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const Supernet supernet = testing::perturbed(space, 1);
  save_model(supernet, folder_ / "m.safetensors");
  const Supernet loaded = load_model(folder_ / "m.safetensors");
  EXPECT_EQ(json_of(loaded.space()), json_of(space));
  EXPECT_EQ(loaded.storage().shape, supernet.storage().shape);
  for (const auto& [name, tensor] : supernet.weights())
    EXPECT_TRUE(tensor.equal(loaded.weights().at(name))) << name;
}

TEST_F(ModelFileTest, ACopiedModelOutlivesItsFile) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  const Supernet supernet = testing::perturbed(space, 1);
  save_model(supernet, folder_ / "m.safetensors");
  const Supernet copied = load_model(folder_ / "m.safetensors", Reading::kCopied);
  const Subnet mapped =
      copy_of(load_model(folder_ / "m.safetensors").slice(space.largest(), at::kFloat));
  std::filesystem::resize_file(folder_ / "m.safetensors", 0);  // reading a mapping were SIGBUS
  for (const auto& [name, tensor] : supernet.weights())
    EXPECT_TRUE(tensor.equal(copied.weights().at(name))) << name;
  for (const auto& [name, tensor] : mapped.tensors)
    EXPECT_TRUE(tensor.equal(supernet.slice(space.largest()).tensors.at(name))) << name;
}

TEST_F(ModelFileTest, ExtractedFileHoldsItsOwnArchitectureOnly) {
  const SearchSpace space =
      testing::small_space(testing::wave_blueprint(ExtractorNorm::kLayer, NormPosition::kPost));
  const Supernet supernet = testing::perturbed(space, 2);
  save_model(supernet.extract(space.smallest()), folder_ / "s.safetensors");
  const Supernet loaded = load_model(folder_ / "s.safetensors");
  EXPECT_EQ(loaded.space().size(), "1");
  EXPECT_EQ(loaded.space().largest(), space.smallest());
}

// What a file says of itself must be so.
TEST_F(ModelFileTest, FieldsThatContradictTheRestAreRefused) {
  const auto path = folder_ / "m.safetensors";
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  save_model(testing::perturbed(space, 3).extract(space.smallest()), path);
  const SafetensorsFile good = read_safetensors(path);
  const auto refused = [&](const std::string& key, const std::string& value) {
    auto metadata = good.metadata;
    metadata[key] = value;
    write_safetensors(folder_ / "bad.safetensors", good.tensors, metadata);
    EXPECT_THROW(load_model(folder_ / "bad.safetensors"), InputError) << key << " = " << value;
  };
  for (const char* version :
       {"x", "-1", "0", "", "1x", "1.5", " 1", "2", "1234567890123456789012345678901234567890"}) {
    refused("concertina.format_version", version);
  }
  for (const char* storage : {"nonsense", "", "e=1"}) refused("concertina.storage", storage);

  TensorMap tensors = good.tensors;
  auto& [name, tensor] = *tensors.begin();
  tensor = tensor.view(at::kInt);
  write_safetensors(folder_ / "bad.safetensors", tensors, good.metadata);
  try {
    load_model(folder_ / "bad.safetensors");
    ADD_FAILURE() << "integers were taken for weights";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find(name + " is of dtype I32"), std::string::npos)
        << error.what();
  }
}

TEST_F(ModelFileTest, EveryTruncationIsAClearError) {
  const SearchSpace space = testing::small_space(testing::mel_blueprint());
  save_model(testing::perturbed(space, 3).extract(space.smallest()), folder_ / "m.safetensors");
  const std::string bytes = read_text(folder_ / "m.safetensors");
  for (const double share : {0.0, 0.00001, 0.001, 0.01, 0.3, 0.9, 0.99999}) {
    write_atomically(
        folder_ / "t.safetensors",
        bytes.substr(0, static_cast<size_t>(share * static_cast<double>(bytes.size()))));
    EXPECT_THROW(load_model(folder_ / "t.safetensors"), InputError) << share;
  }
}

TEST_F(ModelFileTest, MutatedFilesNeverCrash) {
  write_safetensors(folder_ / "m.safetensors",
                    {{"a", at::ones({3, 4})}, {"b", at::zeros({7}, at::kLong)}}, {{"k", "v"}});
  const std::string good = read_text(folder_ / "m.safetensors");
  Rng rng(4);
  int accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    write_atomically(folder_ / "f.safetensors", testing::with_damage(good, rng));
    try {
      const SafetensorsFile file = read_safetensors(folder_ / "f.safetensors");
      for (const auto& [name, tensor] : file.tensors) (void)tensor.sum();
      ++accepted;
    } catch (const InputError&) {
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, 3000);
}

}  // namespace
}  // namespace concertina
