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
#include "tests/model/closed_form.h"

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
  const SafetensorsFile file = read_safetensors(fixture / "model.safetensors", Reading::kCopied);
  const TensorMap head = head_of_width(8);
  TensorMap tensors = file.tensors;
  tensors["final_proj.weight"] = head.at(kUnitHeadWeight);
  tensors["final_proj.bias"] = head.at(kUnitHeadBias);
  tensors["label_embs_concat"] = head.at(kUnitHeadCodewords);
  const auto import = [&] {
    write_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
    return import_checkpoint(folder);
  };
  const Imported imported = import();
  for (const auto& [name, tensor] : head)
    EXPECT_TRUE(imported.model.weights().at(name).equal(tensor)) << name;
  EXPECT_TRUE(imported.ignored.empty());
  tensors.erase("final_proj.bias");  // no whole head: HuBERT's projection has a bias
  const Imported part = import();
  fs::remove_all(folder);
  EXPECT_EQ(unit_count(part.model.weights()), 0);
  using Pair = std::pair<std::string, std::string>;
  EXPECT_THAT(part.ignored,
              ::testing::ElementsAre(
                  Pair("final_proj.weight", "projection onto label embeddings in pretraining"),
                  Pair("label_embs_concat", "label embeddings of pretraining")));
  EXPECT_EQ(unit_count(import_checkpoint(fixture).model.weights()), 0);
}

// The head of the fixture that torch.save wrote (tests/parity/golden/checkpoints.py): values of the closed
// form in steps of 1/64, in half precision.
TEST(UnitHead, OfFairseqIsKeptOnImport) {
  const Imported imported =
      import_checkpoint(fs::path(CONCERTINA_SOURCE_DIR) / "tests/model/checkpoints/fairseq.pt");
  const auto written = [](const char* name, const std::vector<int64_t>& sizes) {
    TensorSlice slice{.name = name};
    for (const int64_t size : sizes) slice.dims.push_back({size, {}});
    return (testing::closed_form(slice) * 64).round() / 64;
  };
  const TensorMap& weights = imported.model.weights();
  EXPECT_TRUE(weights.at(kUnitHeadWeight).equal(written("final_proj.weight", {4, 8})));
  EXPECT_TRUE(weights.at(kUnitHeadBias).equal(written("final_proj.bias", {4})));
  EXPECT_TRUE(weights.at(kUnitHeadCodewords).equal(written("label_embs_concat", {6, 4})));
  EXPECT_TRUE(weights.at(kUnitHeadTemperature).equal(at::full({1}, 0.1)));
  EXPECT_TRUE(imported.ignored.empty());
  EXPECT_EQ(unit_count(weights), 6);
}

}  // namespace
}  // namespace concertina
