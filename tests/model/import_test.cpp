#include "supernet/model/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/errors.h"
#include "core/files.h"
#include "supernet/container/torch_writer.h"
#include "supernet/model/export.h"
#include "supernet/model/model_file.h"
#include "supernet/space/resolve.h"
#include "supernet/space/search_space_config.h"
#include "tests/model/models.h"

namespace concertina {
namespace {

using ::testing::HasSubstr;

class ImportTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  template <class Run>
  static std::string error_of(const Run& run) {
    try {
      run();
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("concertina-import-" + std::to_string(::getpid()));
};

// Two styles of HuBERT; layers 0, 1 and 3 of the space, which packages count as 0, 1 and 2.
SearchSpace space_of(NormPosition position) {
  Blueprint blueprint = testing::wave_blueprint(
      position == NormPosition::kPre ? ExtractorNorm::kLayer : ExtractorNorm::kGroup, position);
  blueprint.wave.bias = position == NormPosition::kPre;
  return testing::small_space(blueprint);
}
const char* const kHomogeneous = "c=24 e=128 p=20000 L=0-1:2x256,3:2x256";

void expect_same(const Supernet& a, const Supernet& b, double bound) {
  const SpeechBatch batch = make_batch(testing::noise(1, 8000, 5));
  at::InferenceMode inference;
  const auto states = [&](const Supernet& model) {
    return at::stack(
        encode(model.slice(model.space().largest()), batch, {.all_hidden = true}).hidden);
  };
  EXPECT_LE(testing::max_difference(states(a), states(b)), bound);
}

TEST_F(ImportTest, ExportRoundTrips) {
  for (const NormPosition position : {NormPosition::kPost, NormPosition::kPre}) {
    const SearchSpace space = space_of(position);
    const Supernet supernet = testing::perturbed(space, 11);
    const Architecture architecture = resolve_architecture(space, kHomogeneous);
    const Supernet subnet = supernet.extract(architecture);
    export_transformers(supernet, architecture, folder_ / "hf");
    export_fairseq(supernet, architecture, folder_ / "f.pt");
    for (const char* name : {"hf", "f.pt"}) {
      const Imported imported = import_checkpoint(folder_ / name);
      EXPECT_EQ(imported.kind, "HuBERT");
      EXPECT_TRUE(imported.ignored.empty());
      EXPECT_EQ(imported.model.blueprint(), space.blueprint());
      EXPECT_EQ(imported.model.space().largest().key(), "c=24 e=128 p=20000 L=0-2:2x256");
      EXPECT_THAT(imported.model.provenance(), HasSubstr("sha256"));
      for (const auto& [tensor, value] : imported.model.weights()) {
        const std::string ours = tensor.starts_with("encoder.layers.2.")
                                     ? "encoder.layers.3." + tensor.substr(17)
                                     : tensor;
        EXPECT_TRUE(value.equal(subnet.weights().at(ours))) << name << " " << tensor;
      }
      expect_same(imported.model, subnet, 0);
    }
  }
}

TEST_F(ImportTest, LowPrecisionIsStoredInHalfTheSpace) {
  const SearchSpace space = space_of(NormPosition::kPost);
  const Supernet supernet = testing::perturbed(space, 12);
  const Architecture architecture = resolve_architecture(space, kHomogeneous);
  const Supernet subnet = supernet.extract(architecture);
  save_model(subnet, folder_ / "fp32.safetensors");
  const auto full = static_cast<double>(std::filesystem::file_size(folder_ / "fp32.safetensors"));
  for (const auto& [type, bound] : {std::pair{at::kBFloat16, 0.1}, std::pair{at::kHalf, 0.01}}) {
    save_model(subnet, folder_ / "low.safetensors", type);
    const auto low = static_cast<double>(std::filesystem::file_size(folder_ / "low.safetensors"));
    EXPECT_LT(low, 0.56 * full);
    export_transformers(supernet, architecture, folder_ / "hf", type);
    export_fairseq(supernet, architecture, folder_ / "f.pt", type);
    const Supernet ours = load_model(folder_ / "low.safetensors");
    expect_same(ours, subnet, bound);
    for (const char* name : {"hf", "f.pt", "low.safetensors"}) {
      const Imported imported = import_checkpoint(folder_ / name);
      EXPECT_EQ(imported.model.weights().at("mask_emb").scalar_type(), at::kFloat);
      expect_same(imported.model, ours, 0);  // one rounding, whatever the container
    }
  }
}

TEST_F(ImportTest, UnsupportedModelsAreNotExported) {
  const Supernet supernet = testing::perturbed(space_of(NormPosition::kPost), 13);
  const auto error = [&](const char* key) {
    return error_of([&] {
      export_transformers(supernet, resolve_architecture(supernet.space(), key), folder_ / "hf");
    });
  };
  EXPECT_THAT(error("c=24 e=128 p=20000 L=0:2x256,3:1x256"), HasSubstr("different heads"));
  EXPECT_THAT(error("c=24 e=64 p=20000 L=0:2x128,3:2x128"), HasSubstr("2 heads of 64"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "hf"));
}

// Files of torch.save and safetensors, made by tests/parity/golden/checkpoints.py: the same model in
// every container and dtype, contiguous or not.
TEST_F(ImportTest, EveryContainerHoldsTheSameModel) {
  const std::filesystem::path fixtures =
      std::string(CONCERTINA_SOURCE_DIR) + "/tests/model/checkpoints";
  const Imported first = import_checkpoint(fixtures / "hf_safetensors");
  EXPECT_EQ(first.container, "safetensors");
  EXPECT_EQ(first.model.weights().at("encoder.layers.1.fc2.weight").sizes(),
            (at::IntArrayRef{8, 16}));
  const auto expect_equal = [&](const char* name, const char* container,
                                const std::vector<std::string>& ignored) {
    const Imported other = import_checkpoint(fixtures / name);
    EXPECT_EQ(other.container, container);
    EXPECT_EQ(other.model.storage().shape, first.model.storage().shape);
    for (const auto& [tensor, value] : first.model.weights()) {
      EXPECT_TRUE(value.equal(other.model.weights().at(tensor))) << name << " " << tensor;
    }
    std::vector<std::string> names;
    for (const auto& [tensor, why] : other.ignored) names.push_back(tensor);
    EXPECT_EQ(names, ignored) << name;
  };
  expect_equal("hf_bin", "torch.save (zip)", {"lm_head.weight"});
  expect_equal("fairseq.pt", "torch.save (zip)", {});
  expect_equal("legacy.pt", "torch.save (legacy)", {});
}

// Whisper of three packages (tests/parity/golden/whisper_checkpoints.py): one model, whatever file it
// came from, and its file has the same bytes but for the provenance.
TEST_F(ImportTest, EveryPackageHoldsTheSameWhisper) {
  const std::filesystem::path fixtures =
      std::string(CONCERTINA_SOURCE_DIR) + "/tests/model/checkpoints";
  const auto bytes_of = [&](const Supernet& model) {
    save_model(Supernet(model.space(), model.weights()), folder_ / "m.safetensors");
    return read_text(folder_ / "m.safetensors");
  };
  const Imported first = import_checkpoint(fixtures / "whisper_hf");
  EXPECT_EQ(first.kind, "Whisper");
  EXPECT_EQ(first.model.space().largest().key(), "e=8 p=20000 L=0-1:2x32");
  const std::string bytes = bytes_of(first.model);
  for (const auto& [name, container, ignored] :
       {std::tuple{"whisper_encoder", "torch.save (zip)", size_t{0}},
        std::tuple{"whisper.pt", "torch.save (zip)", size_t{1}},
        std::tuple{"whisper_ct2", "CTranslate2", size_t{1}},
        std::tuple{"whisper_ct2_fp32/model.bin", "CTranslate2", size_t{1}}}) {
    const Imported other = import_checkpoint(fixtures / name);
    EXPECT_EQ(other.kind, "Whisper");
    EXPECT_EQ(other.container, container);
    EXPECT_EQ(other.ignored.size(), ignored) << name;
    EXPECT_EQ(other.zeros, std::vector<std::string>{"mask_emb"});
    EXPECT_EQ(bytes_of(other.model), bytes) << name;
  }
  export_transformers(first.model, first.model.space().largest(), folder_ / "hf");
  EXPECT_EQ(bytes_of(import_checkpoint(folder_ / "hf").model), bytes);
}

// s3prl's file of the same model: without a norm of the features, with heads.
TEST_F(ImportTest, DistilHubertIsReadWithoutHeads) {
  const std::filesystem::path fixtures =
      std::string(CONCERTINA_SOURCE_DIR) + "/tests/model/checkpoints";
  const Supernet same = import_checkpoint(fixtures / "fairseq.pt").model;
  const Imported student = import_checkpoint(fixtures / "distiller.pt");
  EXPECT_EQ(student.kind, "DistilHuBERT");
  EXPECT_EQ(student.model.storage().shape, same.storage().shape);
  EXPECT_FALSE(student.model.weights().contains("layer_norm.weight"));
  for (const auto& [tensor, value] : student.model.weights()) {
    const at::Tensor& theirs = same.weights().at(tensor);
    EXPECT_TRUE(value.equal(tensor == "mask_emb" ? at::zeros_like(theirs) : theirs)) << tensor;
  }
  std::vector<std::string> ignored;
  for (const auto& [tensor, why] : student.ignored) {
    ignored.push_back(tensor);
    EXPECT_EQ(why, "prediction heads of distillation");
  }
  EXPECT_EQ(ignored, (std::vector<std::string>{"output_layer.0.bias", "output_layer.0.weight",
                                               "output_layer.2.bias", "output_layer.2.weight"}));
  export_transformers(student.model, student.model.space().largest(), folder_ / "hf");
  expect_same(import_checkpoint(folder_ / "hf").model, student.model, 0);
}

// fairseq leaves the projection out where the widths are equal, transformers never does.
TEST_F(ImportTest, EqualWidthsNeedNoProjection) {
  Blueprint blueprint = testing::wave_blueprint(ExtractorNorm::kGroup, NormPosition::kPost);
  blueprint.projection = false;
  const auto net = Architecture::parse("c=24,24,24,24,24,24,128 e=128 p=20000 L=0-1:2x256");
  const SearchSpace space = SearchSpace::single(blueprint, {net, SlicingRule::kPrefix});
  const Supernet model = testing::perturbed(space, 15);
  export_fairseq(model, net, folder_ / "f.pt");
  const Imported fairseq = import_checkpoint(folder_ / "f.pt");
  EXPECT_EQ(fairseq.model.blueprint(), blueprint);
  expect_same(fairseq.model, model, 0);
  export_transformers(model, net, folder_ / "hf");
  const Imported transformers = import_checkpoint(folder_ / "hf");
  EXPECT_TRUE(transformers.model.blueprint().projection);
  expect_same(transformers.model, model, 0);
  EXPECT_THAT(error_of([&] { export_fairseq(transformers.model, net, folder_ / "f.pt"); }),
              HasSubstr("fairseq, which does not support a projection"));
}

TEST_F(ImportTest, WavLmRoundTrips) {
  const Blueprint blueprint = testing::wavlm_blueprint(NormPosition::kPre);
  const auto net = Architecture::parse("c=24 e=128 p=20000 L=1-2:4x256");
  const SearchSpace space = SearchSpace::single(blueprint, {net, SlicingRule::kPrefix});
  const Supernet model = testing::perturbed(space, 16);
  export_transformers(model, net, folder_ / "hf");
  const Imported imported = import_checkpoint(folder_ / "hf");
  EXPECT_EQ(imported.kind, "WavLM");
  EXPECT_EQ(imported.model.space().largest().key(), "c=24 e=128 p=20000 L=0-1:4x256");
  expect_same(imported.model, model, 0);
}

// Files of students that cannot be read say what they are.
TEST_F(ImportTest, StudentsWithoutSettingsAreRefusedByName) {
  const auto error = [&](const char* key, const char* tensor, const char* config) {
    TorchWriter writer;
    const float value = 1;
    writer.begin_dict();
    writer.text(key);
    writer.begin_dict();
    writer.text(tensor);
    writer.tensor(DType::kF32, {1}, std::as_bytes(std::span(&value, 1)));
    writer.end_dict();
    writer.text("config");
    writer.begin_dict();
    writer.text(config);
    writer.text("");
    writer.end_dict();
    writer.end_dict();
    std::move(writer).write_to(folder_ / "s.ckpt");
    return error_of([&] { import_checkpoint(folder_ / "s.ckpt"); });
  };
  EXPECT_THAT(error("state_dict", "student_model.layer_norm.weight", "any"),
              HasSubstr("as FitHuBERT and ARMHuBERT train it"));
  EXPECT_THAT(error("state_dict", "encoder.x", "extractor_conv_layer_config"),
              HasSubstr("such as DPHuBERT"));
  EXPECT_THAT(error("Distiller", "encoder.x", "any"),
              HasSubstr("a Distiller without its settings"));
}

TEST_F(ImportTest, ModelFilesAreRead) {
  const Supernet supernet = testing::perturbed(space_of(NormPosition::kPost), 14);
  save_model(supernet, folder_ / "m.safetensors");
  const Imported imported = import_checkpoint(folder_ / "m.safetensors");
  EXPECT_EQ(imported.kind, "Concertina model");
  EXPECT_EQ(json_of(imported.model.space()), json_of(supernet.space()));
}

TEST_F(ImportTest, OtherFilesAreErrors) {
  EXPECT_THAT(error_of([&] { import_checkpoint(folder_); }),
              HasSubstr("neither model.safetensors nor pytorch_model.bin"));
  write_atomically(folder_ / "pytorch_model.bin.index.json", "{}");
  EXPECT_THAT(error_of([&] { import_checkpoint(folder_); }),
              HasSubstr("no config.json next to it"));
  const std::filesystem::path fixtures =
      std::string(CONCERTINA_SOURCE_DIR) + "/tests/model/checkpoints";
  std::filesystem::copy(fixtures / "hf_bin/pytorch_model.bin", folder_ / "bare.bin");
  EXPECT_THAT(error_of([&] { import_checkpoint(folder_ / "bare.bin"); }),
              HasSubstr("no config.json next to it"));
  write_atomically(folder_ / "text.pt", "these are no tensors");
  EXPECT_THAT(error_of([&] { import_checkpoint(folder_ / "text.pt"); }),
              HasSubstr("text.pt is neither a file of torch.save nor a safetensors file"));
  EXPECT_THROW(import_checkpoint(folder_ / "missing.pt"), SystemError);
}

}  // namespace
}  // namespace concertina
