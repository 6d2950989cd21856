#include "supernet/container/ctranslate2_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr uint32_t kOldest = 4, kNewest = 6;  // format versions; before 4 variables differ
constexpr uint16_t kLongestSpecification = 64;
constexpr DType kTypes[] = {DType::kF32, DType::kI8,  DType::kI16,
                            DType::kI32, DType::kF16, DType::kBF16};

std::string_view take_string(ByteReader& in) {
  const uint64_t at = in.at();
  const std::string_view text = in.take(in.read<uint16_t>());
  if (text.empty() || text.back() != '\0') {
    throw_damaged(in.name(), at, "a name does not end with a zero byte");
  }
  return text.substr(0, text.size() - 1);
}

DType take_type(ByteReader& in) {
  const uint64_t at = in.at();
  const auto type = in.read<uint8_t>();
  if (type < std::size(kTypes)) return kTypes[type];
  throw_damaged(in.name(), at, fmt::format("{} is not a type of numbers", type));
}

TensorLayout take_variable(ByteReader& in) {
  TensorLayout layout;
  const auto dimensions = in.read<uint8_t>();
  for (int i = 0; i < dimensions; ++i) layout.sizes.push_back(in.read<uint32_t>());
  layout.dtype = take_type(in);
  const auto bytes = in.read<uint32_t>();
  layout.offset = in.at();
  in.skip(bytes);
  // Strides only of sizes that are known not to overflow.
  uint64_t count = 1;
  for (const int64_t size : layout.sizes) {
    if (size != 0 && count > bytes / static_cast<uint64_t>(size)) count = uint64_t{bytes} + 1;
    if (count <= bytes) count *= static_cast<uint64_t>(size);
  }
  if (count > bytes || count * item_size(layout.dtype) != bytes) {
    throw_damaged(in.name(), layout.offset,
                  fmt::format("a variable's {} bytes are not those of its sizes", bytes));
  }
  layout.strides =
      count == 0 ? std::vector<int64_t>(layout.sizes.size(), 0) : contiguous_strides(layout.sizes);
  if (const std::string problem = layout_problem(layout, bytes); !problem.empty()) {
    throw_damaged(in.name(), layout.offset, problem);
  }
  return layout;
}

}  // namespace

bool is_ctranslate2_file(ByteSpan bytes) {
  if (bytes.size() < 8) return false;
  ByteReader in(bytes, "");
  const auto version = in.read<uint32_t>();
  const auto length = in.read<uint16_t>();
  if (version < 1 || version > 255 || length < 2 || length > kLongestSpecification ||
      length > in.left()) {
    return false;
  }
  const std::string_view name = in.take(length);
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  return name.back() == '\0' && is_letter(name.front());
}

CTranslate2File parse_ctranslate2(ByteSpan bytes, const std::string& name) {
  ByteReader in(bytes, name);
  if (const auto version = in.read<uint32_t>(); version < kOldest || version > kNewest) {
    throw InputError(
        fmt::format("{}: version {} of CTranslate2's format is not read: expected {} to {}", name,
                    version, kOldest, kNewest));
  }
  CTranslate2File file;
  file.specification = take_string(in);
  file.revision = in.read<uint32_t>();
  const auto count = in.read<uint32_t>();
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t at = in.at();
    std::string variable(take_string(in));
    TensorLayout layout = take_variable(in);
    if (!file.variables.emplace(std::move(variable), std::move(layout)).second) {
      throw_damaged(name, at, "a variable is there twice");
    }
  }
  for (auto aliases = in.read<uint32_t>(); aliases > 0; --aliases) {
    take_string(in);
    take_string(in);
  }
  return file;
}

}  // namespace concertina
