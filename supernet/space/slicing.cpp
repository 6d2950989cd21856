#include "supernet/space/slicing.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"

namespace concertina {
namespace {

bool out_of_blocks(const Storage& storage, int32_t embed, const LayerShape& stored,
                   const LayerShape& layer) {
  if (storage.rule != SlicingRule::kLightHubert || layer.ffn_dim == 0) return false;
  const int64_t whole_blocks = (layer.ffn_dim - 1) / embed;
  return whole_blocks * storage.largest.embed_dim() + layer.ffn_dim - whole_blocks * embed >
         stored.ffn_dim;
}

std::optional<Misfit> layer_misfit(const Storage& storage, int32_t embed, const LayerShape& layer) {
  const auto& stored_layers = storage.largest.layers();
  const auto stored = std::ranges::find(stored_layers, layer.index, &LayerShape::index);
  if (stored == stored_layers.end()) {
    return Misfit{fmt::format("layer {}", layer.index), "depth", "the weights have no such layer"};
  }
  const std::string at = fmt::format(" in layer {}", layer.index);
  if (layer.heads > stored->heads) {
    return Misfit{fmt::format("{} heads", layer.heads) + at, "heads",
                  fmt::format("the weights have {}", stored->heads)};
  }
  if (layer.ffn_dim > stored->ffn_dim || out_of_blocks(storage, embed, *stored, layer)) {
    return Misfit{fmt::format("FFN width {}", layer.ffn_dim) + at, "ffn_ratio",
                  fmt::format("the weights have {} for an embedding width of {}", stored->ffn_dim,
                              storage.largest.embed_dim())};
  }
  if (layer.heads > 0 && stored->window > 0 &&
      (layer.window == 0 || layer.window > stored->window)) {
    return Misfit{fmt::format("window {}", layer.window) + at, "window",
                  fmt::format("the weights were trained with {}", stored->window)};
  }
  return std::nullopt;
}

// Collects the tensors of one architecture in the order of the forward pass.
class SliceList {
 public:
  SliceList(const Blueprint& blueprint, const Storage& storage, const Architecture& architecture)
      : blueprint_(blueprint), storage_(storage), architecture_(architecture) {}

  std::vector<TensorSlice> build() && {
    front_end();
    const int64_t features = blueprint_.front_end_dim(architecture_.conv_channels());
    if (has_rate_unit(blueprint_, architecture_)) rate_unit(features);
    linear("post_extract_proj", {embed_, {}}, {features, {}});
    vector("mask_emb", embed_);
    positional_conv();
    norm("encoder.layer_norm", embed_);
    for (const LayerShape& layer : architecture_.layers()) encoder_layer(layer);
    return std::move(slices_);
  }

 private:
  void add(std::string name, std::vector<DimSlice> dims, bool matrix, SliceKind kind) {
    slices_.push_back({std::move(name), kind, std::move(dims), matrix, matrix, true});
  }
  void matrix(std::string name, std::vector<DimSlice> dims) {
    add(std::move(name), std::move(dims), true, SliceKind::kPlain);
  }
  void vector(std::string name, int64_t size, std::vector<int64_t> indices = {}) {
    add(std::move(name), {{size, std::move(indices)}}, false, SliceKind::kPlain);
  }
  void linear(const std::string& name, const DimSlice& out, const DimSlice& in) {
    matrix(name + ".weight", {out, in});
    vector(name + ".bias", out.size, out.indices);
  }
  void norm(const std::string& name, int64_t size) {
    vector(name + ".weight", size);
    vector(name + ".bias", size);
  }

  void front_end() {
    if (blueprint_.front_end == FrontEndKind::kLogMel) {
      for (const char* name : {"feature_extractor.mel.mean", "feature_extractor.mel.std"}) {
        vector(name, blueprint_.mel.bins);
        slices_.back().trained = false;
      }
      return;
    }
    int64_t before = 1;
    for (size_t i = 0; i < blueprint_.wave.layers.size(); ++i) {
      const int64_t width = architecture_.conv_channels()[i];
      const std::string name = fmt::format("feature_extractor.conv_layers.{}", i);
      matrix(name + ".0.weight",
             {{width, {}}, {before, {}}, {blueprint_.wave.layers[i].kernel, {}}});
      if (blueprint_.wave.bias) vector(name + ".0.bias", width);
      if (blueprint_.wave.norm == ExtractorNorm::kLayer) {
        norm(name + ".2.1", width);
      } else if (i == 0) {
        norm(name + ".2", width);
      }
      before = width;
    }
    norm("layer_norm", before);
  }

  void rate_unit(int64_t features) {
    matrix("rate.conv.weight", {{features, {}}, {features, {}}, {kRateKernel, {}}});
    vector("rate.conv.bias", features);
    norm("rate.layer_norm", features);
    linear("rate.proj", {1, {}}, {features, {}});
  }

  void positional_conv() {
    const PositionalConv& conv = blueprint_.positional;
    const std::string name = "encoder.pos_conv.0";
    std::vector<DimSlice> dims = {{embed_, {}}, {embed_ / conv.groups, {}}, {conv.kernel, {}}};
    if (conv.weight_norm) {
      const bool whole = embed_ == storage_.largest.embed_dim();
      const SliceKind kind = whole ? SliceKind::kPlain : SliceKind::kBakedWeightNorm;
      add(name + ".weight_g", {{1, {}}, {1, {}}, {conv.kernel, {}}}, false, kind);
      add(name + ".weight_v", std::move(dims), true, kind);
    } else {
      matrix(name + ".weight", std::move(dims));
    }
    vector(name + ".bias", embed_);
  }

  DimSlice ffn_rows(int64_t ffn_dim) const {
    const int32_t stored = storage_.largest.embed_dim();
    if (storage_.rule == SlicingRule::kPrefix || embed_ == stored || ffn_dim <= embed_) {
      return {ffn_dim, {}};
    }
    return {ffn_dim, interleaved_ffn_rows(stored, static_cast<int32_t>(embed_),
                                          static_cast<int32_t>(ffn_dim))};
  }

  void encoder_layer(const LayerShape& layer) {
    const std::string name = fmt::format("encoder.layers.{}.", layer.index);
    const DimSlice embed = {embed_, {}};
    if (layer.heads > 0) {
      const DimSlice width = {int64_t{layer.heads} * blueprint_.head_dim, {}};
      for (const char* part : {"k", "v", "q"}) {
        linear(name + "self_attn." + part + "_proj", width, embed);
      }
      linear(name + "self_attn.out_proj", embed, width);
      norm(name + "self_attn_layer_norm", embed_);
    }
    if (layer.ffn_dim > 0) {
      const DimSlice rows = ffn_rows(layer.ffn_dim);
      linear(name + "fc1", rows, embed);
      linear(name + "fc2", embed, rows);
      norm(name + "final_layer_norm", embed_);
    }
  }

  const Blueprint& blueprint_;
  const Storage& storage_;
  const Architecture& architecture_;
  const int64_t embed_ = architecture_.embed_dim();
  std::vector<TensorSlice> slices_;
};

}  // namespace

int64_t TensorSlice::numel() const {
  int64_t count = 1;
  for (const DimSlice& dim : dims) count *= dim.size;
  return count;
}

bool has_rate_unit(const Blueprint& blueprint, const Architecture& architecture) {
  return blueprint.rate == RateKind::kCif &&
         architecture.frame_period_us() > blueprint.base_frame_period_us();
}

void check_front_end(const Blueprint& blueprint, const Architecture& architecture) {
  const size_t given = architecture.conv_channels().size();
  const size_t layers =
      blueprint.front_end == FrontEndKind::kWave ? blueprint.wave.layers.size() : 0;
  if (given == layers) return;
  const std::string expected =
      layers == 0 ? "none, for the front end is log-mel" : fmt::format("{} (c=)", layers);
  throw InputError(fmt::format("architecture '{}' has {} conv channels: expected {}",
                               architecture.key(), given, expected));
}

std::optional<Misfit> misfit(const Blueprint& blueprint, const Storage& storage,
                             const Architecture& architecture) {
  const auto& stored_channels = storage.largest.conv_channels();
  const auto& channels = architecture.conv_channels();
  if (channels.size() != stored_channels.size()) {
    return Misfit{fmt::format("c= with {} conv layers", channels.size()), "conv_channels",
                  fmt::format("the weights have {}", stored_channels.size())};
  }
  for (size_t i = 0; i < channels.size(); ++i) {
    if (channels[i] <= stored_channels[i]) continue;
    return Misfit{fmt::format("c={}", channels[i]), "conv_channels",
                  fmt::format("the weights have {}", stored_channels[i])};
  }
  const int32_t embed = architecture.embed_dim();
  const std::string embed_text = fmt::format("e={}", embed);
  if (embed > storage.largest.embed_dim()) {
    return Misfit{embed_text, "embed_dim",
                  fmt::format("the weights have {}", storage.largest.embed_dim())};
  }
  if (embed % blueprint.positional.groups != 0) {
    return Misfit{embed_text, "embed_dim",
                  fmt::format("it must be a multiple of {}", blueprint.positional.groups)};
  }
  const int32_t period = architecture.frame_period_us();
  const int32_t base = blueprint.base_frame_period_us();
  const bool rate_stored = has_rate_unit(blueprint, storage.largest);
  if (period < base || (period > base && !rate_stored)) {
    return Misfit{fmt::format("p={}", period), "frame_period_ms",
                  fmt::format("the weights have p={}{}", base, rate_stored ? " and longer" : "")};
  }
  for (const LayerShape& layer : architecture.layers()) {
    if (auto found = layer_misfit(storage, embed, layer)) return found;
  }
  return std::nullopt;
}

std::vector<TensorSlice> tensor_slices(const Blueprint& blueprint, const Storage& storage,
                                       const Architecture& architecture) {
  check_front_end(blueprint, architecture);
  if (const auto found = misfit(blueprint, storage, architecture)) {
    throw InputError(fmt::format("architecture '{}' cannot be cut from '{}': {}: {}",
                                 architecture.key(), storage.largest.key(), found->value,
                                 found->why));
  }
  return SliceList(blueprint, storage, architecture).build();
}

std::vector<int64_t> interleaved_ffn_rows(int32_t storage_embed, int32_t embed_dim,
                                          int32_t ffn_dim) {
  std::vector<int64_t> rows;
  rows.reserve(static_cast<size_t>(ffn_dim));
  for (int64_t block = 0; static_cast<int64_t>(rows.size()) < ffn_dim; ++block) {
    const int64_t count = std::min<int64_t>(embed_dim, ffn_dim - block * embed_dim);
    for (int64_t i = 0; i < count; ++i) rows.push_back(block * storage_embed + i);
  }
  return rows;
}

}  // namespace concertina
