#include "supernet/checkpoint/whisper.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "supernet/checkpoint/encoder_sizes.h"
#include "supernet/container/ctranslate2_file.h"

namespace concertina {
namespace {

constexpr int32_t kMaxPositions = 65'536, kMaxBins = 1024;

struct WhisperSizes {  // defaults: tiny
  EncoderSizes encoder{.embed_dim = 384, .layers = 4, .heads = 6, .ffn_dim = 1536};
  int32_t bins = 80, positions = 1500;
};

void check_heads(SettingsReader& reader, const std::string& key, const WhisperSizes& sizes) {
  if (sizes.encoder.embed_dim % sizes.encoder.heads == 0) return;
  reader.problem(key, fmt::format("{} is no multiple of the {} heads", sizes.encoder.embed_dim,
                                  sizes.encoder.heads));
}

ForeignModel model_of(const WhisperSizes& sizes, Naming naming) {
  Blueprint blueprint;
  blueprint.front_end = FrontEndKind::kWhisper;
  blueprint.whisper.bins = sizes.bins;
  blueprint.key_bias = false;
  blueprint.norm_position = NormPosition::kPre;
  blueprint.head_dim = sizes.encoder.embed_dim / sizes.encoder.heads;
  blueprint.positional = {.kernel = 0, .groups = 1, .weight_norm = false};
  blueprint.position_embeddings = sizes.positions;
  ForeignModel model{.kind = "Whisper", .naming = naming};
  model.storage.shape = homogeneous(blueprint, {}, sizes.encoder);
  model.blueprint = std::move(blueprint);
  return model;
}

void expect_number(SettingsReader& reader, const char* key, int32_t supported) {
  int32_t value = supported;
  reader.read(key, value, 1, 1'000'000);
  if (value != supported)
    reader.problem(key, fmt::format("{} is not supported, only {}", value, supported));
}

// Adds a part of a variable's rows under one of our names.
void add_rows(LayoutMap& tensors, const std::string& name, const TensorLayout& all, int64_t part,
              int64_t parts) {
  TensorLayout rows = all;
  rows.sizes[0] /= parts;
  const int64_t row = rows.strides[0];
  rows.offset += static_cast<uint64_t>(part * rows.sizes[0] * row) * item_size(rows.dtype);
  tensors[name] = std::move(rows);
}

bool is_zero(ByteSpan bytes, const TensorLayout& layout) {
  const ByteSpan values = bytes.subspan(layout.offset, layout.extent());
  return std::ranges::all_of(values, [](std::byte byte) { return byte == std::byte{0}; });
}

// CTranslate2's encoder under our names.
class CTranslate2Names {
 public:
  CTranslate2Names(const CTranslate2File& file, ByteSpan bytes, const std::string& name)
      : file_(file), bytes_(bytes), name_(name) {}

  LayoutMap take(int32_t layers) {
    affine("encoder/conv1", "encoder.conv1");
    affine("encoder/conv2", "encoder.conv2");
    move("encoder/position_encodings/encodings", "encoder.embed_positions.weight");
    norm("encoder/layer_norm", "encoder.layer_norm");
    for (int32_t i = 0; i < layers; ++i) {
      const std::string theirs = fmt::format("encoder/layer_{}/", i);
      const std::string ours = fmt::format("encoder.layers.{}.", i);
      norm(theirs + "self_attention/layer_norm", ours + "self_attn_layer_norm");
      fused(theirs + "self_attention/linear_0", ours + "self_attn.");
      affine(theirs + "self_attention/linear_1", ours + "self_attn.out_proj");
      norm(theirs + "ffn/layer_norm", ours + "final_layer_norm");
      affine(theirs + "ffn/linear_0", ours + "fc1");
      affine(theirs + "ffn/linear_1", ours + "fc2");
    }
    for (const auto& [variable, layout] : file_.variables) {
      if (variable.starts_with("decoder/") && !layout.sizes.empty()) tensors_[variable] = layout;
    }
    return std::move(tensors_);
  }

 private:
  const TensorLayout* find(const std::string& theirs) const {
    const auto found = file_.variables.find(theirs);
    return found == file_.variables.end() ? nullptr : &found->second;
  }
  // What is absent is missed when tensors are matched.
  void move(const std::string& theirs, const std::string& ours) {
    if (const TensorLayout* layout = find(theirs)) tensors_[ours] = *layout;
  }
  void affine(const std::string& theirs, const std::string& ours) {
    move(theirs + "/weight", ours + ".weight");
    move(theirs + "/bias", ours + ".bias");
  }
  void norm(const std::string& theirs, const std::string& ours) {
    move(theirs + "/gamma", ours + ".weight");
    move(theirs + "/beta", ours + ".bias");
  }
  // Queries, keys and values one below the other.
  void fused(const std::string& theirs, const std::string& ours) {
    for (const char* part : {"weight", "bias"}) {
      const std::string variable = fmt::format("{}/{}", theirs, part);
      const TensorLayout* all = find(variable);
      if (all == nullptr) continue;
      if (all->sizes.empty() || all->sizes[0] % 3 != 0) {
        throw InputError(fmt::format(
            "{}: {} has no rows for queries, keys and values in equal parts", name_, variable));
      }
      int64_t row = 0;
      for (const char* which : {"q_proj", "k_proj", "v_proj"}) {
        add_rows(tensors_, fmt::format("{}{}.{}", ours, which, part), *all, row++, 3);
      }
    }
    const auto bias = tensors_.extract(ours + "k_proj.bias");
    if (!bias.empty() && !is_zero(bytes_, bias.mapped())) {
      throw InputError(
          fmt::format("{}: {}/bias gives keys a bias, which Whisper does not have", name_, theirs));
    }
  }

  const CTranslate2File& file_;
  ByteSpan bytes_;
  const std::string& name_;
  LayoutMap tensors_;
};

// The value of a number of 1, 2 or 4 bytes; none where it is not one.
std::optional<int64_t> number_of(const CTranslate2File& file, ByteSpan bytes,
                                 const std::string& variable) {
  const auto found = file.variables.find(variable);
  if (found == file.variables.end() || !found->second.sizes.empty()) return std::nullopt;
  ByteReader in(bytes.subspan(found->second.offset), "");
  switch (found->second.dtype) {
    case DType::kI8:
      return in.read<int8_t>();
    case DType::kI16:
      return in.read<int16_t>();
    case DType::kI32:
      return in.read<int32_t>();
    default:
      return std::nullopt;
  }
}

int32_t size_of(const CTranslate2File& file, const std::string& variable, size_t dimension,
                int32_t most, const std::string& name) {
  const auto found = file.variables.find(variable);
  if (found == file.variables.end() || found->second.sizes.size() <= dimension) {
    throw InputError(fmt::format("{} has no {} with {} dimensions: it is no Whisper", name,
                                 variable, dimension + 1));
  }
  const int64_t size = found->second.sizes[dimension];
  if (size < 1 || size > most) {
    throw InputError(
        fmt::format("{}: {} is {} wide: expected 1 to {}", name, variable, size, most));
  }
  return static_cast<int32_t>(size);
}

WhisperSizes sizes_of(const CTranslate2File& file, ByteSpan bytes, const std::string& name) {
  WhisperSizes sizes;
  EncoderSizes& encoder = sizes.encoder;
  encoder.embed_dim = size_of(file, "encoder/conv1/weight", 0, kMaxForeignWidth, name);
  sizes.bins = size_of(file, "encoder/conv1/weight", 1, kMaxBins, name);
  sizes.positions = size_of(file, "encoder/position_encodings/encodings", 0, kMaxPositions, name);
  encoder.ffn_dim = size_of(file, "encoder/layer_0/ffn/linear_0/weight", 0, kMaxForeignWidth, name);
  for (encoder.layers = 1; encoder.layers < kMaxForeignLayers; ++encoder.layers) {
    if (!file.has(fmt::format("encoder/layer_{}/ffn/linear_0/weight", encoder.layers))) break;
  }
  const std::optional<int64_t> heads = number_of(file, bytes, "encoder/num_heads");
  if (!heads || *heads < 1 || *heads > encoder.embed_dim || encoder.embed_dim % *heads != 0) {
    throw InputError(fmt::format("{}: encoder/num_heads is no number that divides the width {}",
                                 name, encoder.embed_dim));
  }
  encoder.heads = static_cast<int32_t>(*heads);
  return sizes;
}

}  // namespace

bool is_whisper(const Blueprint& blueprint) {
  return blueprint.front_end == FrontEndKind::kWhisper;
}

ForeignModel transformers_whisper(const Settings& config, const Settings& preprocessor) {
  WhisperSizes sizes;
  SettingsReader reader(config, "");
  reader.read("d_model", sizes.encoder.embed_dim, 1, kMaxForeignWidth);
  reader.read("encoder_layers", sizes.encoder.layers, 1, kMaxForeignLayers);
  reader.read("encoder_attention_heads", sizes.encoder.heads, 1, kMaxForeignWidth);
  reader.read("encoder_ffn_dim", sizes.encoder.ffn_dim, 1, kMaxForeignWidth);
  reader.read("num_mel_bins", sizes.bins, 1, kMaxBins);
  reader.read("max_source_positions", sizes.positions, 1, kMaxPositions);
  reader.expect("activation_function", "gelu");
  check_heads(reader, "d_model", sizes);
  reader.finish();
  SettingsReader audio(preprocessor, "");
  expect_number(audio, "sampling_rate", 16000);
  expect_number(audio, "n_fft", kWhisperWindow);
  expect_number(audio, "hop_length", kWhisperHop);
  audio.expect("do_normalize", false);
  audio.finish();
  return model_of(sizes, Naming::kFairseq);
}

ForeignModel openai_whisper(const Settings& settings) {
  WhisperSizes sizes;
  SettingsReader reader(settings, "dims.");
  if (!reader.has("n_audio_state")) {
    throw InputError(fmt::format("{} holds no sizes of a Whisper: expected dims.n_audio_state",
                                 settings.name()));
  }
  reader.read("n_mels", sizes.bins, 1, kMaxBins);
  reader.read("n_audio_ctx", sizes.positions, 1, kMaxPositions);
  reader.read("n_audio_state", sizes.encoder.embed_dim, 1, kMaxForeignWidth / 4);
  reader.read("n_audio_head", sizes.encoder.heads, 1, kMaxForeignWidth);
  reader.read("n_audio_layer", sizes.encoder.layers, 1, kMaxForeignLayers);
  check_heads(reader, "n_audio_state", sizes);
  reader.finish();
  sizes.encoder.ffn_dim = 4 * sizes.encoder.embed_dim;
  return model_of(sizes, Naming::kOpenAi);
}

CTranslate2Checkpoint read_ctranslate2(ByteSpan bytes, const std::string& name) {
  const CTranslate2File file = parse_ctranslate2(bytes, name);
  if (file.specification != "WhisperSpec") {
    throw InputError(fmt::format("{} holds a {} of CTranslate2: only WhisperSpec is read", name,
                                 file.specification));
  }
  for (const auto& [variable, layout] : file.variables) {
    if (!variable.starts_with("encoder/") || layout.sizes.empty()) continue;
    if (layout.dtype == DType::kI8 || layout.dtype == DType::kI16) {
      throw InputError(fmt::format(
          "{}: {} is quantised to {}, which is not read: convert the model with CTranslate2's "
          "--quantization float16 or float32",
          name, variable, layout.dtype == DType::kI8 ? "int8" : "int16"));
    }
  }
  const WhisperSizes sizes = sizes_of(file, bytes, name);
  return {model_of(sizes, Naming::kFairseq),
          CTranslate2Names(file, bytes, name).take(sizes.encoder.layers)};
}

std::string why_whisper_ignores(std::string_view name) {
  if (name.starts_with("decoder.") || name.starts_with("decoder/")) return "decoder";
  return name.starts_with("proj_out.") ? "head of a task" : "";
}

std::string whisper_config(const Blueprint& blueprint, const Architecture& architecture) {
  const LayerShape& layer = architecture.layers().front();
  const nlohmann::ordered_json json = {{"architectures", {"WhisperEncoder"}},
                                       {"model_type", "whisper"},
                                       {"torch_dtype", "float32"},
                                       {"d_model", architecture.embed_dim()},
                                       {"encoder_layers", architecture.depth()},
                                       {"encoder_attention_heads", layer.heads},
                                       {"encoder_ffn_dim", layer.ffn_dim},
                                       {"num_mel_bins", blueprint.whisper.bins},
                                       {"max_source_positions", blueprint.position_embeddings},
                                       {"activation_function", "gelu"},
                                       {"scale_embedding", false}};
  return json.dump(2) + "\n";
}

std::string whisper_preprocessor(const Blueprint& blueprint) {
  const nlohmann::ordered_json json = {
      {"feature_extractor_type", "WhisperFeatureExtractor"},
      {"feature_size", blueprint.whisper.bins},
      {"sampling_rate", blueprint.sample_rate},
      {"n_fft", kWhisperWindow},
      {"hop_length", kWhisperHop},
      {"chunk_length",
       blueprint.position_embeddings * blueprint.base_frame_period_us() / 1'000'000},
      {"padding_side", "right"},
      {"padding_value", 0.0},
      {"return_attention_mask", false}};
  return json.dump(2) + "\n";
}

}  // namespace concertina
