#include "supernet/space/architecture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "core/errors.h"
#include "supernet/space/limits.h"

namespace concertina {
namespace {

void check_range(const char* what, int32_t value, int32_t low, int32_t high) {
  if (value < low || value > high) {
    throw InputError(fmt::format("architecture: {} {} is out of range: expected {} to {}", what,
                                 value, low, high));
  }
}

void check_layer(const LayerShape& layer) {
  check_range("layer index", layer.index, 0, kMaxLayers - 1);
  check_range("heads", layer.heads, 0, kMaxWidth);
  check_range("FFN width", layer.ffn_dim, 0, kMaxWidth);
  check_range("window", layer.window, 0, kMaxWidth);
  if (layer.window % 2 != 0) {
    throw InputError(
        fmt::format("architecture: window {} of layer {} is odd: half of it lies on "
                    "each side of a frame",
                    layer.window, layer.index));
  }
  if (layer.heads == 0 && layer.ffn_dim == 0) {
    throw InputError(fmt::format(
        "architecture: layer {} has neither heads nor an FFN: leave it out instead", layer.index));
  }
}

bool same_shape(const LayerShape& a, const LayerShape& b) {
  return a.heads == b.heads && a.ffn_dim == b.ffn_dim && a.window == b.window &&
         a.attention == b.attention;
}

constexpr std::string_view kLinear = "lin";

// A cursor over the text of one key.
class Scanner {
 public:
  Scanner(std::string_view whole, std::string_view part) : whole_(whole), rest_(part) {}
  bool done() const { return rest_.empty(); }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(fmt::format("'{}'", c));
  }
  int32_t number() {
    int32_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || rest_.front() == '-') fail("a whole number");
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return value;
  }
  [[noreturn]] void fail(const std::string& expected) const {
    throw InputError(fmt::format("architecture key '{}': expected {} at '{}'", whole_, expected,
                                 rest_.empty() ? "the end" : std::string(rest_)));
  }

 private:
  std::string_view whole_;
  std::string_view rest_;
};

std::vector<int32_t> parse_channels(Scanner scan, int32_t conv_layers) {
  std::vector<int32_t> channels;
  do {
    channels.push_back(scan.number());
  } while (scan.take(','));
  if (!scan.done()) scan.fail("',' between conv channels");
  if (channels.size() == 1) channels.assign(static_cast<size_t>(conv_layers), channels.front());
  return channels;
}

std::vector<LayerShape> parse_layers(Scanner scan) {
  std::vector<LayerShape> layers;
  do {
    LayerShape layer;
    const int32_t first = scan.number();
    const int32_t last = scan.take('-') ? scan.number() : first;
    scan.expect(':');
    layer.heads = scan.number();
    scan.expect('x');
    layer.ffn_dim = scan.number();
    if (scan.take('w')) {
      layer.window = scan.number();
    } else if (scan.take(kLinear)) {
      layer.attention = AttentionKind::kLinear;
    }
    check_range("layer index", last, first, kMaxLayers - 1);
    for (layer.index = first; layer.index <= last; ++layer.index) layers.push_back(layer);
    if (layers.size() > static_cast<size_t>(kMaxLayers)) scan.fail("fewer layers");
  } while (scan.take(','));
  if (!scan.done()) scan.fail("',' between runs of layers");
  return layers;
}

int32_t parse_number(Scanner scan) {
  const int32_t value = scan.number();
  if (!scan.done()) scan.fail("a blank");
  return value;
}

std::vector<std::string_view> split_blanks(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return parts;
    text.remove_prefix(begin);
    const size_t end = std::min(text.find_first_of(" \t\r\n"), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::string channels_text(const std::vector<int32_t>& channels) {
  const bool uniform = std::ranges::all_of(channels, [&](int32_t c) { return c == channels[0]; });
  return uniform ? fmt::format("{}", channels[0]) : fmt::format("{}", fmt::join(channels, ","));
}

std::string run_text(const LayerShape& first, const LayerShape& last) {
  std::string text = first.index == last.index ? fmt::format("{}", first.index)
                                               : fmt::format("{}-{}", first.index, last.index);
  text += fmt::format(":{}x{}", first.heads, first.ffn_dim);
  if (first.window > 0) text += fmt::format("w{}", first.window);
  if (first.is_linear()) text += kLinear;
  return text;
}

}  // namespace

LayerShape canonical(LayerShape layer) {
  if (layer.heads == 0) layer.attention = AttentionKind::kSoftmax;
  if (layer.heads == 0 || layer.is_linear()) layer.window = 0;
  return layer;
}

Architecture::Architecture(std::vector<int32_t> conv_channels, int32_t embed_dim,
                           int32_t frame_period_us, std::vector<LayerShape> layers)
    : conv_channels_(std::move(conv_channels)),
      embed_dim_(embed_dim),
      frame_period_us_(frame_period_us),
      layers_(std::move(layers)) {
  for (int32_t channels : conv_channels_) check_range("conv channels", channels, 1, kMaxWidth);
  check_range("embedding width", embed_dim_, 1, kMaxWidth);
  check_range("frame period (us)", frame_period_us_, 1, kMaxFramePeriodUs);
  if (layers_.empty()) throw InputError("architecture: at least one layer must be kept");
  for (LayerShape& layer : layers_) {
    check_layer(layer);
    layer = canonical(layer);
  }
  const auto disorder = std::ranges::adjacent_find(
      layers_, [](const auto& a, const auto& b) { return a.index >= b.index; });
  if (disorder != layers_.end()) {
    throw InputError(fmt::format("architecture: layers must be ascending, but {} follows {}",
                                 std::next(disorder)->index, disorder->index));
  }
}

std::string Architecture::key() const {
  std::string text;
  if (!conv_channels_.empty()) text += "c=" + channels_text(conv_channels_) + " ";
  text += fmt::format("e={} p={} L=", embed_dim_, frame_period_us_);
  for (size_t first = 0; first < layers_.size();) {
    size_t last = first;
    while (last + 1 < layers_.size() && layers_[last + 1].index == layers_[last].index + 1 &&
           same_shape(layers_[last + 1], layers_[first])) {
      ++last;
    }
    if (first > 0) text += ',';
    text += run_text(layers_[first], layers_[last]);
    first = last + 1;
  }
  return text;
}

Architecture Architecture::parse(std::string_view key, int32_t conv_layers) {
  std::optional<std::vector<int32_t>> channels;
  std::optional<int32_t> embed_dim, period;
  std::optional<std::vector<LayerShape>> layers;
  for (std::string_view part : split_blanks(key)) {
    Scanner value(key, part.substr(std::min<size_t>(2, part.size())));
    const std::string_view name = part.substr(0, 2);
    const auto set = [&](auto& field, auto parsed) {
      if (field) {
        throw InputError(fmt::format("architecture key '{}': '{}' is given twice", key, name));
      }
      field = std::move(parsed);
    };
    if (name == "c=") {
      set(channels, parse_channels(value, conv_layers));
    } else if (name == "e=") {
      set(embed_dim, parse_number(value));
    } else if (name == "p=") {
      set(period, parse_number(value));
    } else if (name == "L=") {
      set(layers, parse_layers(value));
    } else {
      throw InputError(
          fmt::format("architecture key '{}': unknown part '{}': expected c=, e=, p= "
                      "and L=, as in 'c=512 e=384 p=20000 L=0-11:6x1536'",
                      key, part));
    }
  }
  if (!embed_dim || !period || !layers) {
    throw InputError(
        fmt::format("architecture key '{}': {} is missing, as in 'c=512 e=384 p=20000 "
                    "L=0-11:6x1536'",
                    key,
                    !embed_dim ? "e="
                    : !period  ? "p="
                               : "L="));
  }
  return Architecture(channels.value_or(std::vector<int32_t>{}), *embed_dim, *period, *layers);
}

}  // namespace concertina
