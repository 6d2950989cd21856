#include "tests/checkpoint/samples.h"

#include <algorithm>

#include "supernet/checkpoint/fairseq.h"
#include "supernet/checkpoint/match.h"
#include "supernet/checkpoint/names.h"
#include "supernet/checkpoint/transformers.h"
#include "supernet/space/search_space.h"
#include "supernet/space/search_space_config.h"
#include "supernet/space/slicing.h"
#include "tests/container/pickles.h"

namespace concertina::testing {
namespace {

template <class T>
std::string raw(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::string integer_op(int64_t value) { return "J" + raw(static_cast<int32_t>(value)); }

// Two layers of width 8 over two conv layers; every tensor lies at the start of one storage.
Ops model_settings(const char* convs_key) {
  Ops ops;
  const auto text = [&](const char* key, const std::string& value) {
    ops.insert(ops.end(), {text_op(key), text_op(value)});
  };
  const auto number = [&](const char* key, int64_t value) {
    ops.insert(ops.end(), {text_op(key), integer_op(value)});
  };
  text("extractor_mode", "default");
  text(convs_key, "[(4,10,5)] + [(4,3,2)] * 1");
  number("encoder_embed_dim", 8);
  number("encoder_layers", 2);
  number("encoder_ffn_embed_dim", 16);
  number("encoder_attention_heads", 2);
  number("conv_pos", 4);
  number("conv_pos_groups", 2);
  ops.insert(ops.end(), {text_op("layer_norm_first"), "\x89"});
  return ops;
}

void add(Ops& ops, const Ops& more) { ops.insert(ops.end(), more.begin(), more.end()); }

void add_tensor(Ops& ops, const std::string& name, const std::vector<int64_t>& sizes) {
  const auto tuple = [&](const std::vector<int64_t>& values) {
    ops.push_back("(");
    for (const int64_t value : values) ops.push_back(integer_op(value));
    ops.push_back("t");
  };
  add(ops, {text_op(name), class_op("torch._utils", "_rebuild_tensor_v2"), "(", "(",
            text_op("storage"), class_op("torch", "FloatStorage"), text_op("0"), text_op("cpu"),
            integer_op(kStorageFloats), "t", "Q", integer_op(0)});
  tuple(sizes);
  tuple(contiguous_strides(sizes));
  add(ops, {"\x89", class_op("collections", "OrderedDict"), ")", "R", "t", "R"});
}

SearchSpace tiny_space() {
  const nlohmann::json config = transformers_json();
  const ForeignModel model =
      transformers_model(Settings::from_json(config.dump(), "config.json"), {});
  return SearchSpace::single(model.blueprint, model.storage);
}

ForeignModel tiny_whisper() {
  return transformers_model(Settings::from_json(whisper_json().dump(), "config.json"), {});
}

// `feature_norm`: with the norm of the features and the mask embedding, which students lack.
void add_tensors(Ops& ops, bool feature_norm) {
  const SearchSpace space = tiny_space();
  for (const TensorSlice& slice :
       tensor_slices(space.blueprint(), space.storage(), space.storage().shape)) {
    const bool of_teachers = slice.name.starts_with("layer_norm.") || slice.name == "mask_emb";
    if (feature_norm || !of_teachers) add_tensor(ops, slice.name, slice.shape());
  }
}

}  // namespace

Ops fairseq_ops() {
  Ops ops = {"\x80\x02", "}", std::string("q\0", 2), "(", text_op("cfg"),
             "}",        "(", text_op("model"),      "}", "("};
  add(ops, {text_op("_name"), text_op("hubert")});
  add(ops, model_settings("conv_feature_layers"));
  add(ops, {"u", text_op("task"), class_op("argparse", "Namespace"), ")", "\x81", "}", "(",
            text_op("normalize"), "\x89", "u", "b", "u", text_op("model"), "}", "q\1", "("});
  add_tensors(ops, true);
  add_tensor(ops, "final_proj.weight", {4, 8});
  add(ops, {"u", "u", "."});
  return ops;
}

Ops distiller_ops() {
  Ops ops = {
      "\x80\x02",           "}", "(", text_op("Step"), integer_op(7), text_op("Config"), "}", "(",
      text_op("distiller"), "}", "("};
  add(ops, model_settings("extractor_conv_feature_layers"));
  add(ops, {"u", "u", text_op("Distiller"), class_op("collections", "OrderedDict"), ")", "R", "("});
  add_tensors(ops, false);
  add_tensor(ops, "output_layer.0.weight", {4, 8});
  add(ops, {"u", "u", "."});
  return ops;
}

Ops openai_ops() {
  Ops ops = {"\x80\x02", "}", "(", text_op("dims"), "}", "("};
  const auto number = [&](const char* key, int64_t value) {
    add(ops, {text_op(key), integer_op(value)});
  };
  number("n_mels", 4);
  number("n_audio_ctx", 6);
  number("n_audio_state", 8);
  number("n_audio_head", 2);
  number("n_audio_layer", 2);
  add(ops, {"u", text_op("model_state_dict"), "}", "("});
  const ForeignModel model = tiny_whisper();
  for (const TensorEntry& entry : tensor_table(model.blueprint, model.storage.shape)) {
    if (entry.id.module() == TensorModule::kMaskEmbedding) continue;
    add_tensor(ops, foreign_name(entry.id, Naming::kOpenAi),
               {entry.sizes().begin(), entry.sizes().end()});
  }
  add_tensor(ops, "decoder.token_embedding.weight", {4, 8});
  add(ops, {"u", "u", "."});
  return ops;
}

ZipFile ctranslate2_file() {
  ZipFile file;
  const auto put = [&](auto value) {
    file.fields.push_back({file.bytes.size(), sizeof(value)});
    file.bytes += raw(value);
  };
  const auto text = [&](const std::string& value) {
    put(static_cast<uint16_t>(value.size() + 1));
    file.bytes += value + '\0';
  };
  const auto variable = [&](const std::string& name, const std::vector<uint32_t>& sizes) {
    text(name);
    put(static_cast<uint8_t>(sizes.size()));
    uint32_t bytes = 4;
    for (const uint32_t size : sizes) {
      put(size);
      bytes *= size;
    }
    put(uint8_t{0});
    put(bytes);
    file.bytes += std::string(bytes, '\0');
  };
  const uint32_t d = 8, ffn = 32, layers = 2;
  put(uint32_t{6});
  text("WhisperSpec");
  put(uint32_t{3});
  put(7 + 12 * layers + 1);
  const auto affine = [&](const std::string& name, const std::vector<uint32_t>& sizes) {
    variable(name + "/weight", sizes);
    variable(name + "/bias", {sizes[0]});
  };
  const auto norm = [&](const std::string& name) {
    variable(name + "/gamma", {d});
    variable(name + "/beta", {d});
  };
  affine("encoder/conv1", {d, 4, 3});
  affine("encoder/conv2", {d, d, 3});
  variable("encoder/position_encodings/encodings", {6, d});
  norm("encoder/layer_norm");
  for (uint32_t i = 0; i < layers; ++i) {
    const std::string layer = "encoder/layer_" + std::to_string(i) + "/";
    norm(layer + "self_attention/layer_norm");
    affine(layer + "self_attention/linear_0", {3 * d, d});
    affine(layer + "self_attention/linear_1", {d, d});
    norm(layer + "ffn/layer_norm");
    affine(layer + "ffn/linear_0", {ffn, d});
    affine(layer + "ffn/linear_1", {d, ffn});
  }
  text("encoder/num_heads");
  put(uint8_t{0});
  put(uint8_t{2});
  put(uint32_t{2});
  put(uint16_t{2});
  put(uint32_t{1});
  text("decoder/projection/weight");
  text("decoder/embeddings/weight");
  return file;
}

std::string joined(const Ops& ops) {
  std::string text;
  for (const std::string& op : ops) text += op;
  return text;
}

ZipFile zip_around(const std::string& program, size_t storage_bytes) {
  ZipFile zip;
  std::string directory;
  std::vector<ZipField> directory_fields;
  const std::vector<std::pair<std::string, std::string>> entries = {
      {"a/data.pkl", program},
      {"a/byteorder", "little"},
      {"a/data/0", std::string(storage_bytes, '\0')}};
  // Appends numbers to `to` and records their offsets.
  const auto put = [](std::string& to, std::vector<ZipField>& fields, auto value) {
    fields.push_back({to.size(), sizeof(value)});
    to += raw(value);
  };
  for (const auto& [name, data] : entries) {
    const auto begin = static_cast<uint32_t>(zip.bytes.size());
    for (const bool local : {true, false}) {
      std::string& to = local ? zip.bytes : directory;
      auto& fields = local ? zip.fields : directory_fields;
      put(to, fields, local ? uint32_t{0x04034b50} : uint32_t{0x02014b50});
      if (!local) put(to, fields, uint16_t{20});
      for (int i = 0; i < 5; ++i) put(to, fields, uint16_t{0});  // version to date
      put(to, fields, uint32_t{0});                              // CRC-32: not looked at
      put(to, fields, static_cast<uint32_t>(data.size()));
      put(to, fields, static_cast<uint32_t>(data.size()));
      put(to, fields, static_cast<uint16_t>(name.size()));
      put(to, fields, uint16_t{0});
      if (!local) {
        put(to, fields, uint16_t{0});
        put(to, fields, uint64_t{0});
        put(to, fields, begin);
      }
      to += name;
    }
    zip.bytes += data;
  }
  const auto begin = static_cast<uint32_t>(zip.bytes.size());
  for (const ZipField& field : directory_fields) {
    zip.fields.push_back({begin + field.offset, field.bytes});
  }
  zip.bytes += directory;
  put(zip.bytes, zip.fields, uint32_t{0x06054b50});
  put(zip.bytes, zip.fields, uint32_t{0});
  for (int i = 0; i < 2; ++i) put(zip.bytes, zip.fields, static_cast<uint16_t>(entries.size()));
  put(zip.bytes, zip.fields, static_cast<uint32_t>(directory.size()));
  put(zip.bytes, zip.fields, begin);
  put(zip.bytes, zip.fields, uint16_t{0});
  return zip;
}

std::string legacy_around(const std::string& program, uint64_t elements) {
  return pickle("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + pickle("M\xe9\x03") +
         pickle("}(" + text_op("little_endian") + "\x88u") + program +
         pickle("](" + text_op("0") + "e") + raw(elements) + std::string(elements * 4, '\0');
}

nlohmann::json transformers_json() {
  return {{"model_type", "hubert"},
          {"hidden_size", 8},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 2},
          {"intermediate_size", 16},
          {"conv_dim", {4, 4}},
          {"conv_kernel", {10, 3}},
          {"conv_stride", {5, 2}},
          {"num_conv_pos_embeddings", 4},
          {"num_conv_pos_embedding_groups", 2},
          {"feat_extract_norm", "group"},
          {"layer_norm_eps", 1e-5},
          {"hidden_act", "gelu"},
          {"do_stable_layer_norm", false},
          {"id2label", {{"0", "LABEL_0"}}},
          {"do_normalize", true},
          {"conv_bias", false}};
}

nlohmann::json fairseq_json() {
  return {{"cfg",
           {{"model",
             {{"_name", "hubert"},
              {"extractor_mode", "layer_norm"},
              {"conv_feature_layers", "[(4,10,5)] + [(4,3,2)] * 1"},
              {"conv_bias", true},
              {"encoder_embed_dim", 8},
              {"encoder_layers", 2},
              {"encoder_ffn_embed_dim", 16},
              {"encoder_attention_heads", 2},
              {"conv_pos", 4},
              {"conv_pos_groups", 2},
              {"activation_fn", "gelu"},
              {"layer_norm_first", true},
              {"relative_position_embedding", true},
              {"num_buckets", 32},
              {"max_distance", 80},
              {"gru_rel_pos", true}}},
            {"task", {{"normalize", true}}}}}};
}

nlohmann::json lighthubert_json() {
  return {{"cfg",
           {{"model",
             {{"_name", "hubert_pruner"},
              {"pruner_supernet", "supernets/small.yaml"},
              {"encoder_layers", 12},
              {"extractor_mode", "layer_norm"}}}}}};
}

nlohmann::json whisper_json() {
  return {{"model_type", "whisper"},   {"d_model", 8},
          {"encoder_layers", 2},       {"encoder_attention_heads", 2},
          {"encoder_ffn_dim", 32},     {"num_mel_bins", 4},
          {"max_source_positions", 6}, {"activation_function", "gelu"},
          {"sampling_rate", 16000},    {"n_fft", 400},
          {"hop_length", 160}};
}

nlohmann::json distiller_json() {
  return {{"distiller",
           {{"extractor_mode", "default"},
            {"extractor_conv_feature_layers", "[(4,10,5)] + [(4,3,2)]"},
            {"encoder_embed_dim", 8},
            {"encoder_layers", 2},
            {"encoder_ffn_embed_dim", 16},
            {"encoder_attention_heads", 2},
            {"conv_pos", 4},
            {"conv_pos_groups", 2},
            {"activation_fn", "gelu"},
            {"attention_type", "original"},
            {"layer_norm_first", false},
            {"task_emb_type", "expand-last"}}}};
}

nlohmann::json shard_index_json() {
  const SearchSpace space = tiny_space();
  nlohmann::json index = {{"metadata", {{"total_size", kStorageFloats * 4}}}};
  for (const TensorSlice& slice :
       tensor_slices(space.blueprint(), space.storage(), space.storage().shape)) {
    const bool layer = slice.name.starts_with("encoder.layers.");
    index["weight_map"][foreign_name(*tensor_named(slice.name), Naming::kTransformers)] =
        layer ? "parts/model-00002-of-00002.safetensors" : "model-00001-of-00002.safetensors";
  }
  return index;
}

nlohmann::json safetensors_header() {
  const SearchSpace space = tiny_space();
  nlohmann::json header = {{"__metadata__", {{"concertina.space", json_of(space)}}}};
  int64_t at = 0;
  for (const TensorSlice& slice :
       tensor_slices(space.blueprint(), space.storage(), space.storage().shape)) {
    for (const DimSlice& dim : slice.dims) header[slice.name]["shape"].push_back(dim.size);
    header[slice.name]["dtype"] = "F32";
    header[slice.name]["data_offsets"] = {at, at + slice.numel() * 4};
    at += slice.numel() * 4;
  }
  return header;
}

std::string safetensors_around(const std::string& header) {
  static const size_t bytes = [] {
    size_t end = 0;
    for (const auto& tensor : safetensors_header()) {
      if (tensor.contains("data_offsets"))
        end = std::max(end, tensor["data_offsets"][1].get<size_t>());
    }
    return end;
  }();
  return raw(static_cast<uint64_t>(header.size())) + header + std::string(bytes, '\0');
}

}  // namespace concertina::testing
