// What one subnet looks like inside a blueprint: an immutable value with a canonical text key.
//
//   Architecture a = Architecture::parse("c=512 e=384 p=20000 L=0-11:6x1536");
//   a.key() == "c=512 e=384 p=20000 L=0-11:6x1536"
//
// Key grammar: `c=` conv channels (one number when all are equal, else a comma list; left out for
// log-mel), `e=` embedding width, `p=` frame period in microseconds, `L=` runs
// FIRST-LAST:HEADSxFFN[wWINDOW|lin] joined by commas, `lin` for linear attention; a run folds
// neighbouring layers (consecutive indices) of equal shape. One architecture, one key.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace concertina {

// How a layer attends, ascending in cost. Both kinds have the same tensors.
enum class AttentionKind { kLinear, kSoftmax };

struct LayerShape {
  int32_t index = 0;    // layer of the supernet
  int32_t heads = 0;    // 0: no self-attention
  int32_t ffn_dim = 0;  // 0: no FFN
  int32_t window = 0;   // keys attended around a frame (w/2 each side); 0: global
  AttentionKind attention = AttentionKind::kSoftmax;
  bool is_linear() const { return heads > 0 && attention == AttentionKind::kLinear; }
  auto operator<=>(const LayerShape&) const = default;
};

// The one value of layers that are the same network: linear attention sees all frames and has no
// window; a layer without heads has neither a window nor a kind.
LayerShape canonical(LayerShape layer);

class Architecture {
 public:
  Architecture() = default;
  // InputError when a size is out of range, no layer is kept, layers are not strictly ascending, a
  // layer has neither self-attention nor an FFN, or a window is odd. Layers become canonical.
  Architecture(std::vector<int32_t> conv_channels, int32_t embed_dim, int32_t frame_period_us,
               std::vector<LayerShape> layers);

  // One per conv layer; empty: log-mel.
  const std::vector<int32_t>& conv_channels() const { return conv_channels_; }
  int32_t embed_dim() const { return embed_dim_; }
  int32_t frame_period_us() const { return frame_period_us_; }
  const std::vector<LayerShape>& layers() const { return layers_; }  // kept layers, ascending
  int32_t depth() const { return static_cast<int32_t>(layers_.size()); }

  std::string key() const;
  // `conv_layers`: how many conv layers one number stands for (7 for HuBERT). InputError names the
  // invalid part.
  static Architecture parse(std::string_view key, int32_t conv_layers = 7);

  auto operator<=>(const Architecture&) const = default;

 private:
  std::vector<int32_t> conv_channels_;
  int32_t embed_dim_ = 0;
  int32_t frame_period_us_ = 0;
  std::vector<LayerShape> layers_;
};

}  // namespace concertina

template <>
struct std::hash<concertina::Architecture> {
  size_t operator()(const concertina::Architecture& a) const {
    return std::hash<std::string>()(a.key());
  }
};
