#include "supernet/model/unit_head.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "core/errors.h"
#include "supernet/model/import.h"
#include "supernet/model/model_file.h"
#include "supernet/model/safetensors.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TensorMap head_of_width(int64_t embed_dim) {
  return {{kUnitHeadWeight, at::sin(at::arange(3 * embed_dim, at::kFloat)).view({3, embed_dim})},
          {kUnitHeadBias, at::ones({3})},
          {kUnitHeadCodewords, at::cos(at::arange(12, at::kFloat)).view({4, 3})},
          {kUnitHeadTemperature, at::full({1}, 0.1)}};
}

TEST(UnitHead, LogitsAreCosinesWithCodewordsOverTheTemperature) {
  const TensorMap head = head_of_width(2);
  const at::Tensor x = at::tensor({0.5F, -2.0F}).view({1, 1, 2});
  const at::Tensor projected = at::matmul(x, head.at(kUnitHeadWeight).t()) + 1;
  const at::Tensor expected =
      at::cosine_similarity(projected, head.at(kUnitHeadCodewords).unsqueeze(0), -1) / 0.1;
  EXPECT_LT((unit_logits(head, x)[0] - expected).abs().max().item<double>(), 1e-5);
  EXPECT_EQ(unit_count(head), 4);
  TensorMap linear = head;
  linear.erase(kUnitHeadCodewords);
  linear.erase(kUnitHeadTemperature);
  EXPECT_TRUE(unit_logits(linear, x).allclose(projected));
  EXPECT_EQ(unit_count(linear), 3);
  EXPECT_EQ(unit_count({}), 0);
}

TEST(UnitHead, IsAnOptionalPartOfAModelAndItsFile) {
  const Supernet plain = testing::perturbed(
      testing::small_space(testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost)), 3);
  const Architecture largest = plain.storage().shape;
  TensorMap weights = plain.weights();
  weights.merge(head_of_width(largest.embed_dim()));
  const Supernet model(plain.space(), weights);
  const fs::path path = fs::temp_directory_path() / fmt::format("unit-head-{}", ::getpid());
  save_model(model, path);
  const Supernet again = load_model(path, Reading::kCopied);
  fs::remove(path);
  EXPECT_TRUE(again.weights().at(kUnitHeadCodewords).equal(weights.at(kUnitHeadCodewords)));
  EXPECT_EQ(unit_count(again.slice(largest).tensors), 4);
  EXPECT_EQ(unit_count(again.extract(largest).weights()), 0);  // of a student, it is not exported
  EXPECT_EQ(unit_count(again.slice(plain.space().smallest()).tensors), 0);

  const auto problem_without = [&](const char* name) -> std::string {
    TensorMap broken = weights;
    broken.erase(name);
    try {
      Supernet(plain.space(), broken);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(problem_without(kUnitHeadBias), HasSubstr("unit_head.bias is missing"));
  EXPECT_THAT(problem_without(kUnitHeadTemperature), HasSubstr("unit_head.temperature"));
  weights[kUnitHeadWeight] = at::zeros({3, 7});
  EXPECT_THROW(Supernet(plain.space(), weights), InputError);
}

// The fixture of transformers' format, with final_proj and codewords added.
TEST(UnitHead, IsKeptOnImport) {
  const fs::path fixture =
      fs::path(CONCERTINA_SOURCE_DIR) / "tests/model/checkpoints/hf_safetensors";
  const fs::path folder = fs::temp_directory_path() / fmt::format("head-import-{}", ::getpid());
  fs::create_directories(folder);
  fs::copy_file(fixture / "config.json", folder / "config.json");
  SafetensorsFile file = read_safetensors(fixture / "model.safetensors", Reading::kCopied);
  const TensorMap head = head_of_width(8);
  const auto import = [&](const std::string& prefix) {
    TensorMap tensors = file.tensors;
    tensors[prefix + "final_proj.weight"] = head.at(kUnitHeadWeight);
    tensors[prefix + "final_proj.bias"] = head.at(kUnitHeadBias);
    tensors[prefix + "label_embs_concat"] = head.at(kUnitHeadCodewords);
    write_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
    return import_checkpoint(folder);
  };
  const Imported imported = import("");
  fs::remove_all(folder);
  for (const auto& [name, tensor] : head)
    EXPECT_TRUE(imported.model.weights().at(name).equal(tensor)) << name;
  EXPECT_TRUE(imported.ignored.empty());
  EXPECT_EQ(unit_count(import_checkpoint(fixture).model.weights()), 0);
}

}  // namespace
}  // namespace concertina
