#include "supernet/checkpoint/whisper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "supernet/checkpoint/expressible.h"
#include "supernet/checkpoint/match.h"
#include "supernet/checkpoint/transformers.h"
#include "tests/checkpoint/foreign_models.h"
#include "tests/checkpoint/samples.h"
#include "tests/container/pickles.h"

namespace concertina {
namespace {

using nlohmann::json;
using testing::bytes_of;
using testing::error_of;
using testing::from_config;
using ::testing::HasSubstr;

// The sample's bytes with the `count` bytes after `marker` replaced.
std::string with_after(const std::string& marker, const std::string& replacement) {
  std::string bytes = testing::ctranslate2_file().bytes;
  const size_t at = bytes.find(marker);
  EXPECT_NE(at, std::string::npos);
  return bytes.replace(at + marker.size(), replacement.size(), replacement);
}

TEST(Whisper, DefaultsAreTiny) {
  const ForeignModel model = from_config({{"model_type", "whisper"}});
  EXPECT_EQ(model.kind, "Whisper");
  EXPECT_EQ(model.storage.shape.key(), "e=384 p=20000 L=0-3:6x1536");
  EXPECT_EQ(model.blueprint.position_embeddings, 1500);
  EXPECT_EQ(model.blueprint.whisper.bins, 80);
  EXPECT_EQ(model.blueprint.head_dim, 64);
  EXPECT_FALSE(model.blueprint.key_bias);
}

TEST(Whisper, UnsupportedOptionsAreAllListed) {
  const std::string error = error_of([] {
    from_config({{"model_type", "whisper"}, {"activation_function", "relu"}, {"d_model", 100}});
  });
  EXPECT_THAT(error, HasSubstr("activation_function"));
  EXPECT_THAT(error, HasSubstr("100 is no multiple of the 6 heads"));
  EXPECT_THAT(error_of([] {
                from_config({{"model_type", "whisper"}}, {{"hop_length", 320}, {"n_fft", 512}});
              }),
              HasSubstr("hop_length"));
}

TEST(Whisper, ConfigRoundTrips) {
  json config = testing::whisper_json();
  config["num_mel_bins"] = 128;
  const ForeignModel model = from_config(config);
  const ForeignModel again = transformers_model(
      Settings::from_json(whisper_config(model.blueprint, model.storage.shape), "config.json"),
      Settings::from_json(whisper_preprocessor(model.blueprint), "preprocessor.json"));
  EXPECT_EQ(again.blueprint, model.blueprint);
  EXPECT_EQ(again.storage.shape, model.storage.shape);
}

TEST(Whisper, CTranslate2sQueriesKeysAndValuesAreParts) {
  const std::string bytes = testing::ctranslate2_file().bytes;
  const CTranslate2Checkpoint found = read_ctranslate2(bytes_of(bytes), "model.bin");
  const ForeignModel same = from_config(testing::whisper_json());
  EXPECT_EQ(found.model.blueprint, same.blueprint);
  EXPECT_EQ(found.model.storage.shape, same.storage.shape);
  const auto at = [&](const char* part) {
    return found.tensors.at(std::string("encoder.layers.1.self_attn.") + part);
  };
  EXPECT_EQ(at("q_proj.weight").sizes, (std::vector<int64_t>{8, 8}));
  EXPECT_EQ(at("k_proj.weight").offset, at("q_proj.weight").offset + 256);
  EXPECT_EQ(at("v_proj.weight").offset, at("q_proj.weight").offset + 512);
  EXPECT_EQ(at("v_proj.bias").offset, at("q_proj.bias").offset + 64);
  EXPECT_FALSE(found.tensors.contains("encoder.layers.1.self_attn.k_proj.bias"));
  const TensorPlan plan = match_tensors(found.model, found.tensors, "model.bin", bytes.size());
  EXPECT_EQ(plan.zeros, std::vector<std::string>{"mask_emb"});
}

TEST(Whisper, RefusesOtherCTranslate2Files) {
  const auto error = [](const std::string& bytes) {
    return error_of([&] { read_ctranslate2(bytes_of(bytes), "model.bin"); });
  };
  std::string version = testing::ctranslate2_file().bytes;
  version[0] = 3;
  EXPECT_THAT(error(version), HasSubstr("version 3"));
  std::string specification = testing::ctranslate2_file().bytes;
  specification.replace(specification.find("WhisperSpec"), 11, "WhiskerSpec");
  EXPECT_THAT(error(specification), HasSubstr("WhiskerSpec"));
  // Type, bytes and data of the fused bias: its second third is the keys'.
  const std::string bias =
      "layer_1/self_attention/linear_0/bias" + std::string("\0\1\x18\0\0\0\0\x60\0\0\0", 11);
  EXPECT_THAT(error(with_after(bias, std::string(32, '\0') + "\1")),
              HasSubstr("gives keys a bias"));
  EXPECT_EQ(error(with_after(bias, "\1")), "");  // the queries'
  // int8: a quarter of the bytes would have to follow; four times the width is as many.
  const std::string weight = std::string("conv2/weight\0\3", 14);
  const std::string sizes("\x20\0\0\0\x08\0\0\0\3\0\0\0\1", 13);
  EXPECT_THAT(error(with_after(weight, sizes)), HasSubstr("quantised to int8"));
  EXPECT_THAT(error(testing::ctranslate2_file().bytes.substr(0, 900)), HasSubstr("at byte"));
}

TEST(Whisper, WhatCannotBeExported) {
  const ForeignModel model = from_config(testing::whisper_json());
  const auto why = [&](const Blueprint& blueprint, const char* key) {
    return not_expressible(blueprint, Architecture::parse(key), Naming::kTransformers);
  };
  EXPECT_EQ(why(model.blueprint, "e=8 p=20000 L=0-1:2x16"), "");
  EXPECT_THAT(why(model.blueprint, "e=8 p=20000 L=0:2x16,1:1x16"), HasSubstr("different heads"));
  EXPECT_THAT(why(model.blueprint, "e=6 p=20000 L=0:2x16"), HasSubstr("width of 6"));
  EXPECT_THAT(why(model.blueprint, "e=8 p=40000 L=0:2x16"), HasSubstr("40 ms"));
  Blueprint biased = model.blueprint;
  biased.key_bias = true;
  EXPECT_THAT(why(biased, "e=8 p=20000 L=0:2x16"), HasSubstr("options"));
  EXPECT_THAT(not_expressible(model.blueprint, Architecture::parse("e=8 p=20000 L=0:2x16"),
                              Naming::kFairseq),
              HasSubstr("Whisper's front end"));
}

}  // namespace
}  // namespace concertina
