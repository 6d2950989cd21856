// Checkpoints of transformers in several files with an index.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "core/files.h"
#include "core/hash.h"
#include "supernet/container/torch_writer.h"
#include "supernet/model/export.h"
#include "supernet/model/import.h"
#include "supernet/model/mapped_tensor.h"
#include "supernet/model/safetensors.h"
#include "supernet/space/resolve.h"
#include "supernet/space/search_space_config.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

class ShardsTest : public ::testing::Test {
 protected:
  // A folder with the model in one file: hf/, and in two: safetensors/, bin/.
  void SetUp() override {
    const SearchSpace space =
        testing::small_space(testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost));
    export_transformers(testing::perturbed(space, 11),
                        resolve_architecture(space, "c=24 e=128 p=20000 L=0-1:2x256,3:2x256"),
                        folder_ / "hf");
    tensors_ = read_safetensors(folder_ / "hf/model.safetensors").tensors;
    for (const bool safe : {true, false}) {
      const fs::path to = folder_ / (safe ? "safetensors" : "bin");
      fs::create_directories(to);
      fs::copy(folder_ / "hf/config.json", to);
      fs::copy(folder_ / "hf/preprocessor_config.json", to);
      json index;
      for (const bool layers : {false, true}) {
        const std::string part = layers ? "2" : "1";
        const TensorMap half = tensors_where(layers);
        write(half, to / part, safe);
        for (const auto& [name, tensor] : half) index["weight_map"][name] = part;
      }
      write_atomically(to / index_name(safe), index.dump());
    }
  }
  void TearDown() override { fs::remove_all(folder_); }

  static const char* index_name(bool safe) {
    return safe ? "model.safetensors.index.json" : "pytorch_model.bin.index.json";
  }
  TensorMap tensors_where(bool in_layers) const {
    TensorMap half;
    for (const auto& [name, tensor] : tensors_) {
      if (name.starts_with("encoder.layers.") == in_layers) half[name] = tensor;
    }
    return half;
  }
  static void write(const TensorMap& tensors, const fs::path& path, bool safe) {
    if (safe) return write_safetensors(path, tensors, {{"format", "pt"}});
    TorchWriter writer;
    writer.begin_dict();
    for (const auto& [name, tensor] : tensors) {
      writer.text(name);
      writer.tensor(dtype_of(tensor.scalar_type()), tensor.sizes().vec(),
                    {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()});
    }
    writer.end_dict();
    std::move(writer).write_to(path);
  }
  json index(bool safe = true) const {
    return json::parse(read_text(folder_ / (safe ? "safetensors" : "bin") / index_name(safe)));
  }
  // What importing says when the index of the .safetensors files is this one.
  std::string error_with(const json& index) const {
    write_atomically(folder_ / "safetensors/model.safetensors.index.json", index.dump());
    try {
      import_checkpoint(folder_ / "safetensors");
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder_ =
      fs::temp_directory_path() / ("concertina-shards-" + std::to_string(::getpid()));
  TensorMap tensors_;
};

TEST_F(ShardsTest, EqualOneFile) {
  const Imported whole = import_checkpoint(folder_ / "hf");
  for (const auto& [path, container] :
       {std::pair{"safetensors", "safetensors, 2 files"},
        std::pair{"bin/pytorch_model.bin.index.json", "torch.save (zip), 2 files"}}) {
    const Imported parts = import_checkpoint(folder_ / path);
    EXPECT_EQ(parts.container, container);
    EXPECT_TRUE(parts.ignored.empty());
    EXPECT_EQ(json_of(parts.model.space()), json_of(whole.model.space()));
    for (const auto& [name, tensor] : whole.model.weights()) {
      EXPECT_TRUE(tensor.equal(parts.model.weights().at(name))) << path << " " << name;
    }
    const json provenance = json::parse(parts.model.provenance());
    const fs::path folder = folder_ / (container[0] == 's' ? "safetensors" : "bin");
    EXPECT_EQ(provenance["parts"]["2"], sha256_file(folder / "2"));
    EXPECT_EQ(provenance["parts"].size(), 2u);
  }
}

TEST_F(ShardsTest, OneFileIsPreferred) {
  fs::copy(folder_ / "hf/model.safetensors", folder_ / "safetensors");
  EXPECT_EQ(import_checkpoint(folder_ / "safetensors").container, "safetensors");
  write_atomically(folder_ / "bin/model.safetensors.index.json", index().dump());
  write(tensors_where(true), folder_ / "bin/2", true);
  write(tensors_where(false), folder_ / "bin/1", true);
  EXPECT_EQ(import_checkpoint(folder_ / "bin").container, "safetensors, 2 files");
}

TEST_F(ShardsTest, InvalidIndexesAreErrors) {
  json changed = index();
  changed["weight_map"]["encoder.layers.0.layer_norm.bias"] = "3";
  EXPECT_THAT(error_with(changed), HasSubstr("names missing files: 3"));
  changed = index();
  changed["weight_map"]["encoder.layers.0.layer_norm.bias"] = "1";
  EXPECT_THAT(error_with(changed), HasSubstr("1 has no encoder.layers.0.layer_norm.bias"));
  for (const std::string file : {"../hf/model.safetensors", "/etc/passwd"}) {
    changed["weight_map"]["encoder.layers.0.layer_norm.bias"] = file;
    EXPECT_THAT(error_with(changed), HasSubstr("'" + file + "', which is outside its folder"));
  }
  changed = index();
  changed["weight_map"].erase("encoder.layers.0.layer_norm.bias");
  EXPECT_THAT(error_with(changed), HasSubstr("encoder.layers.0.layer_norm.bias is missing"));
  EXPECT_THAT(error_with(json::array()), HasSubstr("no weight_map"));
  write_atomically(folder_ / "safetensors/2", "no tensors");
  changed = index(false);
  EXPECT_THAT(error_with(changed), HasSubstr("2 is not a valid safetensors file"));
}

TEST_F(ShardsTest, TensorsOutsideTheIndexAreListed) {
  TensorMap more = tensors_where(true);
  more["encoder.layers.9.old"] = at::zeros({2});
  write(more, folder_ / "safetensors/2", true);
  const Imported imported = import_checkpoint(folder_ / "safetensors");
  ASSERT_EQ(imported.ignored.size(), 1u);
  EXPECT_EQ(imported.ignored[0], std::pair(std::string("encoder.layers.9.old"),
                                           std::string("in 2, but not in the index")));
}

// A file of which nothing is named is not even opened; tensors share its memory.
TEST_F(ShardsTest, OnlyWhatIsNeededIsRead) {
  write_atomically(folder_ / "safetensors/3", "no tensors");
  const Imported imported = import_checkpoint(folder_ / "safetensors");
  const at::Tensor& bias = imported.model.weights().at("encoder.layers.0.fc1.bias");
  EXPECT_FALSE(bias.storage().resizable());  // on the memory of the mapped file
}

}  // namespace
}  // namespace concertina
