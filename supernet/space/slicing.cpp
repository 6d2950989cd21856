#include "supernet/space/slicing.h"

#include <fmt/format.h>

#include <algorithm>

#include "supernet/space/violations.h"

namespace concertina {
namespace {

// Collects the tensors of one architecture in the order of the forward pass.
class SliceList {
 public:
  SliceList(const Blueprint& blueprint, const Storage& storage, const Architecture& architecture)
      : blueprint_(blueprint), storage_(storage), architecture_(architecture) {}

  std::vector<TensorSlice> build() && {
    front_end();
    const int64_t features = blueprint_.front_end_dim(architecture_.conv_channels());
    if (has_rate_unit(blueprint_, architecture_)) rate_unit(features);
    if (blueprint_.projection) linear("post_extract_proj", {embed_, {}}, {features, {}});
    vector("mask_emb", embed_);
    positional_conv();
    norm("encoder.layer_norm", embed_);
    position_bias();
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
    if (blueprint_.wave.feature_scale) {
      vector("feature_extractor.dummy_weight", before);
      slices_.back().trained = false;
    }
    if (blueprint_.wave.feature_norm) norm("layer_norm", before);
  }

  void rate_unit(int64_t features) {
    if (blueprint_.joins_frames()) {
      join_unit(joined_frames(blueprint_, architecture_));
      return;
    }
    matrix("rate.conv.weight", {{features, {}}, {features, {}}, {kRateKernel, {}}});
    vector("rate.conv.bias", features);
    norm("rate.layer_norm", features);
    linear("rate.proj", {1, {}}, {features, {}});
  }

  void join_unit(int64_t joined) {
    if (blueprint_.rate == RateKind::kConv) {
      matrix("rate.conv.weight", {{embed_, {}}, {embed_, {}}, {joined, {}}});
      vector("rate.conv.bias", embed_);
      return;
    }
    const int32_t stored = storage_.shape.embed_dim();
    DimSlice frames = {joined * embed_, {}};  // the first channels of each frame
    if (embed_ != stored) {
      frames.indices = interleaved_ffn_rows(stored, static_cast<int32_t>(embed_),
                                            static_cast<int32_t>(joined * embed_));
    }
    linear("rate.linear", {embed_, {}}, frames);
  }

  void position_bias() {
    const int64_t heads = most_mapping_heads(blueprint_, architecture_);
    if (blueprint_.relative_position.buckets == 0 || heads == 0) return;
    add("encoder.layers.0.self_attn.relative_attention_bias.weight",
        {{blueprint_.relative_position.buckets, {}}, {heads, {}}}, false, SliceKind::kPlain);
  }

  void position_gate(const std::string& attention, int64_t heads) {
    if (blueprint_.relative_position.buckets == 0 || !blueprint_.relative_position.gated) return;
    linear(attention + "grep_linear", {kGateOutputs, {}}, {blueprint_.head_dim, {}});
    add(attention + "grep_a", {{1, {}}, {heads, {}}, {1, {}}, {1, {}}}, false, SliceKind::kPlain);
  }

  void positional_conv() {
    const PositionalConv& conv = blueprint_.positional;
    const std::string name = "encoder.pos_conv.0";
    std::vector<DimSlice> dims = {{embed_, {}}, {embed_ / conv.groups, {}}, {conv.kernel, {}}};
    if (conv.weight_norm) {
      const bool whole = embed_ == storage_.shape.embed_dim();
      const SliceKind kind = whole ? SliceKind::kPlain : SliceKind::kBakedWeightNorm;
      add(name + ".weight_g", {{1, {}}, {1, {}}, {conv.kernel, {}}}, false, kind);
      add(name + ".weight_v", std::move(dims), true, kind);
    } else {
      matrix(name + ".weight", std::move(dims));
    }
    vector(name + ".bias", embed_);
  }

  DimSlice ffn_rows(int64_t ffn_dim) const {
    const int32_t stored = storage_.shape.embed_dim();
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
      const std::string attention = name + "self_attn.";
      const bool own_map = !blueprint_.reuses_attention(layer.index);
      if (own_map) linear(attention + "k_proj", width, embed);
      linear(attention + "v_proj", width, embed);
      if (own_map) linear(attention + "q_proj", width, embed);
      linear(attention + "out_proj", embed, width);
      if (own_map) position_gate(attention, layer.heads);
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

std::vector<int64_t> TensorSlice::shape() const {
  std::vector<int64_t> sizes;
  for (const DimSlice& dim : dims) sizes.push_back(dim.size);
  return sizes;
}

int64_t TensorSlice::numel() const {
  int64_t count = 1;
  for (const DimSlice& dim : dims) count *= dim.size;
  return count;
}

bool has_rate_unit(const Blueprint& blueprint, const Architecture& architecture) {
  return blueprint.rate != RateKind::kNone && blueprint.rate != RateKind::kAverage &&
         architecture.frame_period_us() > blueprint.base_frame_period_us();
}

int64_t joined_frames(const Blueprint& blueprint, const Architecture& architecture) {
  if (!blueprint.joins_frames()) return 1;
  return std::max(1, architecture.frame_period_us() / blueprint.base_frame_period_us());
}

int64_t most_mapping_heads(const Blueprint& blueprint, const Architecture& architecture) {
  int64_t most = 0;
  for (const LayerShape& layer : architecture.layers()) {
    if (!blueprint.reuses_attention(layer.index)) most = std::max<int64_t>(most, layer.heads);
  }
  return most;
}

std::vector<TensorSlice> tensor_slices(const Blueprint& blueprint, const Storage& storage,
                                       const Architecture& architecture) {
  check_fit(blueprint, storage, architecture);
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
