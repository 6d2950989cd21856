#include "supernet/checkpoint/foreign_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "supernet/checkpoint/expressible.h"
#include "supernet/checkpoint/fairseq.h"
#include "supernet/checkpoint/match.h"
#include "supernet/checkpoint/names.h"
#include "supernet/checkpoint/transformers.h"
#include "tests/checkpoint/foreign_models.h"
#include "tests/checkpoint/samples.h"
#include "tests/container/pickles.h"

namespace concertina {
namespace {

using nlohmann::json;
using testing::error_of;
using testing::from_config;
using ::testing::HasSubstr;

ForeignModel from_fairseq(const json& settings) {
  return fairseq_model(Settings::from_json(settings.dump(), "f.pt"));
}

LayoutMap tensors_of(const ForeignModel& model, const std::string& prefix = "") {
  LayoutMap tensors;
  for (const TensorEntry& entry : tensor_table(model.blueprint, model.storage.shape)) {
    TensorLayout layout;
    layout.sizes.assign(entry.sizes().begin(), entry.sizes().end());
    layout.strides = contiguous_strides(layout.sizes);
    tensors[prefix + foreign_name(entry.id, model.naming)] = layout;
  }
  return tensors;
}
void expect_same(const ForeignModel& a, const ForeignModel& b) {
  EXPECT_EQ(a.blueprint, b.blueprint);
  EXPECT_EQ(a.storage.shape, b.storage.shape);
  EXPECT_EQ(a.storage.rule, b.storage.rule);
}
constexpr uint64_t kLarge = uint64_t{1} << 40;

TEST(Transformers, DefaultsAreHubertBase) {
  const ForeignModel model = from_config({{"model_type", "hubert"}});
  EXPECT_EQ(model.kind, "HuBERT");
  EXPECT_EQ(model.storage.shape.key(), "c=512 e=768 p=20000 L=0-11:12x3072");
  Blueprint expected;
  expected.normalize_eps = 1e-7;
  EXPECT_EQ(model.blueprint, expected);
}

TEST(Transformers, OptionsBecomeTheBlueprint) {
  json config = testing::transformers_json();
  config.update({{"model_type", "wav2vec2"},
                 {"feat_extract_norm", "layer"},
                 {"do_stable_layer_norm", true},
                 {"conv_bias", true}});
  const ForeignModel model = from_config(config);
  EXPECT_EQ(model.kind, "wav2vec 2.0");
  EXPECT_EQ(model.storage.shape.key(), "c=4 e=8 p=625 L=0-1:2x16");
  const Blueprint& blueprint = model.blueprint;
  EXPECT_EQ(blueprint.norm_position, NormPosition::kPre);
  EXPECT_EQ(blueprint.wave.norm, ExtractorNorm::kLayer);
  EXPECT_TRUE(blueprint.wave.bias);
  EXPECT_TRUE(blueprint.normalize_waveform);  // without a preprocessor: as the extractor has it
  EXPECT_EQ(blueprint.head_dim, 4);
  EXPECT_FALSE(from_config(config, {{"do_normalize", false}}).blueprint.normalize_waveform);
}

TEST(Transformers, WhatTheForwardPassDoesNotKnowIsListed) {
  const auto error = [](const json& changes) {
    json config = testing::transformers_json();
    config.update(changes);
    return error_of([&] { from_config(config); });
  };
  const std::string both = error({{"hidden_act", "relu"}, {"layer_norm_eps", 1e-12}});
  EXPECT_THAT(both, HasSubstr("hidden_act: 'relu'"));
  EXPECT_THAT(both, HasSubstr("layer_norm_eps"));
  EXPECT_THAT(error({{"add_adapter", true}}), HasSubstr("true is not supported"));
  EXPECT_THAT(error({{"adapter_attn_dim", 16}}), HasSubstr("adapters"));
  EXPECT_THAT(error({{"hidden_size", 9}}), HasSubstr("9 is no multiple"));
  EXPECT_THAT(error({{"hidden_size", 1e6}}), HasSubstr("expected an integer"));
  EXPECT_THAT(error({{"hidden_size", -1}}), HasSubstr("out of range"));
  EXPECT_THAT(error({{"conv_dim", {1, 2, 3}}}), HasSubstr("3 widths"));
  EXPECT_THAT(error({{"conv_dim", {0, 1}}}), HasSubstr("out of range"));
  EXPECT_THAT(error({{"conv_dim", "wide"}}), HasSubstr("a list of integers"));
  EXPECT_THAT(error({{"feat_extract_norm", "batch"}}), HasSubstr("neither 'group' nor 'layer'"));
  EXPECT_THAT(error({{"layer_norm_eps", "small"}}), HasSubstr("a number"));
  EXPECT_THAT(error({{"hidden_act", 3}}), HasSubstr("a text"));
  EXPECT_THAT(error({{"conv_bias", 1}}), HasSubstr("true or false"));
  EXPECT_THAT(error({{"model_type", "huber"}}), HasSubstr("did you mean 'hubert'"));
  EXPECT_THAT(error({{"model_type", "wavlm"}, {"num_buckets", 30}}), HasSubstr("multiple of 4"));
  EXPECT_THAT(error_of([] { Settings::from_json("[1]", "c"); }), HasSubstr("no JSON object"));
  EXPECT_THAT(error_of([] { Settings::from_json("{", "c"); }), HasSubstr("cannot be read"));
  EXPECT_THAT(error_of([] { Settings::from_json(std::string((16 << 20) + 1, ' '), "c"); }),
              HasSubstr("16777217 bytes"));
}

TEST(Transformers, WritesWhatItReads) {
  json config = testing::transformers_json();
  config.update({{"feat_extract_norm", "layer"}, {"do_stable_layer_norm", true}});
  const ForeignModel model = from_config(config);
  const Blueprint& blueprint = model.blueprint;
  const ForeignModel back =
      from_config(json::parse(transformers_config(blueprint, model.storage.shape)),
                  json::parse(transformers_preprocessor(blueprint)));
  expect_same(back, model);
}

TEST(Transformers, WritesStudentsAndWavLm) {
  json config = testing::transformers_json();
  config["feat_proj_layer_norm"] = false;
  const ForeignModel student = from_config(config);
  EXPECT_FALSE(student.blueprint.wave.feature_norm);
  const ForeignModel wavlm = from_config({{"model_type", "wavlm"}, {"num_buckets", 64}});
  for (const ForeignModel& model : {student, wavlm}) {
    const Blueprint& blueprint = model.blueprint;
    EXPECT_EQ(not_expressible(blueprint, model.storage.shape, Naming::kTransformers), "");
    const ForeignModel back =
        from_config(json::parse(transformers_config(blueprint, model.storage.shape)),
                    json::parse(transformers_preprocessor(blueprint)));
    EXPECT_EQ(back.kind, model.kind);
    expect_same(back, model);
  }
}

TEST(Fairseq, ReadsEveryPlaceOfTheSettings) {
  const json model = {{"_name", "hubert"}, {"encoder_layers", 3}, {"extractor_mode", "layer_norm"}};
  const json task = {{"normalize", true}};
  const json both = {{"model", model}, {"task", task}};
  json flat = model;
  flat.update(task);
  for (const json& settings :
       {json{{"cfg", both}}, json{{"cfg", flat}}, json{{"args", flat}},
        json{{"cfg", {{"model", {{"w2v_args", both}}}}}}, json{{"args", {{"w2v_args", flat}}}}}) {
    const ForeignModel found = from_fairseq(settings);
    EXPECT_EQ(found.kind, "HuBERT");
    EXPECT_EQ(found.storage.shape.depth(), 3) << settings.dump();
    EXPECT_EQ(found.blueprint.wave.norm, ExtractorNorm::kLayer);
    EXPECT_TRUE(found.blueprint.normalize_waveform) << settings.dump();
  }
}

TEST(Fairseq, EqualWidthsHaveNoProjection) {
  json model = {{"_name", "hubert"}, {"encoder_embed_dim", 512}, {"encoder_attention_heads", 8}};
  const ForeignModel equal =
      from_fairseq({{"model_cfg", model}, {"task_cfg", {{"normalize", true}}}});
  EXPECT_FALSE(equal.blueprint.projection);
  EXPECT_TRUE(equal.blueprint.normalize_waveform);
  EXPECT_FALSE(tensors_of(equal).contains("post_extract_proj.weight"));
  const NamedSettings written = fairseq_settings(equal.blueprint, equal.storage.shape);
  for (const auto& [key, value] : written) {
    std::visit([&, name = key](const auto& plain) { model[name] = plain; }, value);
  }
  const ForeignModel back =
      from_fairseq({{"cfg", {{"model", model}, {"task", {{"normalize", true}}}}}});
  expect_same(back, equal);
  model["encoder_embed_dim"] = 768;
  EXPECT_TRUE(from_fairseq({{"cfg", {{"model", model}}}}).blueprint.projection);
}

TEST(Fairseq, KindsAreNamed) {
  const auto model = [](const json& fields) { return json{{"cfg", {{"model", fields}}}}; };
  EXPECT_EQ(from_fairseq(model({{"_name", "wav2vec2"}})).kind, "wav2vec 2.0");
  EXPECT_EQ(from_fairseq(model({{"_name", "student_hubert"}})).kind, "LightHuBERT stage 1");
  const auto error = [&](const json& fields) {
    return error_of([&] { from_fairseq(model(fields)); });
  };
  EXPECT_THAT(error({{"_name", "data2vec_audio"}}), HasSubstr("'data2vec_audio'"));
  EXPECT_THAT(error({{"_name", "hubert_pruner"}, {"pruner_supernet", "x/tiny.yaml"}}),
              HasSubstr("neither base.yaml nor small.yaml"));
  EXPECT_THAT(error({{"_name", "hubert"}, {"extractor_mode", "batch"}}), HasSubstr("'batch'"));
  EXPECT_THAT(error({{"_name", "hubert"}, {"conv_feature_layers", "f()"}}), HasSubstr("'f()'"));
  EXPECT_THAT(error({{"_name", "hubert"}, {"activation_fn", "relu"}, {"pos_conv_depth", 5}}),
              HasSubstr("'relu' is not supported, 'gelu' is; cfg.model.pos_conv_depth"));
  EXPECT_THAT(error({{"_name", "hubert"}, {"layer_type", "conformer"}}), HasSubstr("conformer"));
  EXPECT_THAT(error({{"_name", "hubert"}, {"encoder_embed_dim", 100}}), HasSubstr("no multiple"));
  EXPECT_THAT(error_of([] { from_fairseq({{"cfg", 1}}); }), HasSubstr("no configuration"));
}

TEST(ForeignModel, WavLmHasItsPositionBias) {
  const ForeignModel theirs =
      from_config({{"model_type", "wavlm"}, {"num_buckets", 64}, {"max_bucket_distance", 200}});
  EXPECT_EQ(theirs.kind, "WavLM");
  EXPECT_EQ(theirs.blueprint.relative_position, (RelativePosition{64, 200, true}));
  const ForeignModel right = from_fairseq({{"cfg",
                                            {{"encoder_layers", 12},
                                             {"relative_position_embedding", true},
                                             {"num_buckets", 320},
                                             {"max_distance", 800},
                                             {"gru_rel_pos", true}}}});
  EXPECT_EQ(right.kind, "WavLM");
  EXPECT_EQ(right.blueprint.relative_position, (RelativePosition{320, 800, true}));
}

TEST(Fairseq, SettingsOfPicklesAreInert) {
  const std::string program = testing::pickle(
      "}(" + testing::text_op("cfg") + testing::class_op("omegaconf", "DictConfig") + ")\x81}(" +
      testing::text_op("_content") + "}(" + testing::text_op("a") +
      testing::class_op("omegaconf.nodes", "AnyNode") + ")\x81}(" + testing::text_op("_val") +
      "K\7ub" + testing::text_op("mode") + testing::class_op("fairseq", "ChoiceEnum") + "(" +
      testing::text_op("layer_norm") + "tR" + testing::text_op("list") + "](K\3K\4e" +
      testing::text_op("f") + std::string("G\x3f\xe0\0\0\0\0\0\0", 9) + "uub" + "u");
  ByteReader in(testing::bytes_of(program), "p");
  const Pickle pickle(in);
  const Settings settings = Settings::from_pickle(pickle.root(), "p");
  EXPECT_EQ(std::get<int64_t>(*settings.find("cfg.a")), 7);
  EXPECT_EQ(settings.text("cfg.mode"), "layer_norm");
  EXPECT_EQ(std::get<double>(*settings.find("cfg.f")), 0.5);
  EXPECT_EQ(std::get<std::vector<int64_t>>(*settings.find("cfg.list")),
            (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(settings.find("cfg.none"), nullptr);
}

TEST(Match, EveryNameFindsItsTensor) {
  for (const Naming naming : {Naming::kFairseq, Naming::kTransformers}) {
    for (const char* norm : {"group", "layer"}) {
      json config = testing::transformers_json();
      config["feat_extract_norm"] = norm;
      ForeignModel model = from_config(config);
      model.naming = naming;
      const TensorPlan plan = match_tensors(model, tensors_of(model), "f", kLarge);
      EXPECT_EQ(plan.taken.size(), tensors_of(model).size());
      EXPECT_TRUE(plan.ignored.empty());
    }
  }
}

TEST(Match, HeadsAreIgnoredWithAReason) {
  const ForeignModel model = from_config(testing::transformers_json());
  LayoutMap tensors = tensors_of(model, "hubert.");
  tensors["lm_head.weight"] = {};
  tensors["anything.bias"] = {};
  const TensorPlan plan = match_tensors(model, tensors, "f", kLarge);
  ASSERT_EQ(plan.ignored.size(), 2u);
  EXPECT_EQ(plan.ignored[0],
            std::pair(std::string("anything.bias"), std::string("head of a task")));

  const ForeignModel fairseq = from_fairseq({{"cfg", {{"_name", "hubert"}}}});
  tensors = tensors_of(fairseq);
  tensors["label_embs_concat"] = {};
  tensors["final_proj.bias"] = {};
  EXPECT_EQ(match_tensors(fairseq, tensors, "f", kLarge).ignored.size(), 2u);
}

TEST(Match, BothSpellingsOfTheWeightNormAreRead) {
  const ForeignModel model = from_config(testing::transformers_json());
  LayoutMap tensors = tensors_of(model);
  for (const auto& [old_name, new_name] :
       {std::pair{"weight_g", "parametrizations.weight.original0"},
        std::pair{"weight_v", "parametrizations.weight.original1"}}) {
    const std::string start = "encoder.pos_conv_embed.conv.";
    auto node = tensors.extract(start + new_name);
    ASSERT_FALSE(node.empty());
    node.key() = start + old_name;
    tensors.insert(std::move(node));
  }
  EXPECT_EQ(match_tensors(model, tensors, "f", kLarge).taken.size(), tensors.size());
}

TEST(Match, OneErrorListsWhatIsMissingExtraAndMisshaped) {
  const ForeignModel model = from_config(testing::transformers_json());
  LayoutMap tensors = tensors_of(model);
  tensors.erase("encoder.layer_norm.bias");
  tensors["encoder.layers.7.extra"] = {};
  tensors["feature_projection.projection.weight"].sizes = {3, 3};
  tensors["feature_projection.projection.bias"].dtype = DType::kI64;
  const std::string error = error_of([&] { match_tensors(model, tensors, "f.bin", kLarge); });
  EXPECT_THAT(error, HasSubstr("f.bin"));
  EXPECT_THAT(error, HasSubstr("encoder.layer_norm.bias is missing"));
  EXPECT_THAT(error, HasSubstr("encoder.layers.7.extra is not part of this model"));
  EXPECT_THAT(error, HasSubstr("projection.weight is [3, 3], expected [8, 4]"));
  EXPECT_THAT(error, HasSubstr("projection.bias holds I64"));
}

TEST(Match, AMaskEmbeddingMayBeAbsent) {
  const ForeignModel model = from_config(testing::transformers_json());
  LayoutMap tensors = tensors_of(model);
  tensors.erase("masked_spec_embed");
  EXPECT_EQ(match_tensors(model, tensors, "f", kLarge).zeros, std::vector<std::string>{"mask_emb"});
}

TEST(Match, TensorsMayNotClaimMoreThanTheFile) {
  const ForeignModel model = from_config(testing::transformers_json());
  EXPECT_THAT(error_of([&] { match_tensors(model, tensors_of(model), "f", 1000); }),
              HasSubstr("more memory than the file has"));
}

}  // namespace
}  // namespace concertina
