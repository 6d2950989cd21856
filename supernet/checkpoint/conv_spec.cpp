#include "supernet/checkpoint/conv_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cctype>
#include <charconv>

namespace concertina {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<ConvSpec> parse() {
    ConvSpec all;
    do {
      ConvSpec term;
      if (!list(term)) return std::nullopt;
      int32_t times = 1;
      if (accept('*') && !number(times)) return std::nullopt;
      for (int32_t i = 0; i < times; ++i) {
        if (all.layers.size() + term.layers.size() > kMaxConvLayers || term.layers.empty()) {
          return std::nullopt;
        }
        all.channels.insert(all.channels.end(), term.channels.begin(), term.channels.end());
        all.layers.insert(all.layers.end(), term.layers.begin(), term.layers.end());
      }
    } while (accept('+'));
    skip_blanks();
    if (!text_.empty() || all.layers.empty()) return std::nullopt;
    return all;
  }

 private:
  void skip_blanks() {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_.front())) != 0) {
      text_.remove_prefix(1);
    }
  }
  bool accept(char wanted) {
    skip_blanks();
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool number(int32_t& value) {
    skip_blanks();
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc() || value < 1) return false;
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    return true;
  }
  bool list(ConvSpec& spec) {
    if (!accept('[')) return false;
    do {
      int32_t channels = 0, kernel = 0, stride = 0;
      if (!accept('(') || !number(channels) || !accept(',') || !number(kernel) || !accept(',') ||
          !number(stride) || !accept(')') || spec.layers.size() == kMaxConvLayers) {
        return false;
      }
      spec.channels.push_back(channels);
      spec.layers.push_back({kernel, stride});
    } while (accept(','));
    return accept(']');
  }

  std::string_view text_;
};

}  // namespace

std::optional<ConvSpec> parse_conv_spec(std::string_view text) { return Parser(text).parse(); }

std::string conv_spec_text(const ConvSpec& spec) {
  std::vector<std::string> layers;
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    layers.push_back(
        fmt::format("({},{},{})", spec.channels[i], spec.layers[i].kernel, spec.layers[i].stride));
  }
  return fmt::format("[{}]", fmt::join(layers, ", "));
}

}  // namespace concertina
