#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/errors.h"
#include "supernet/space/tensor_rows.h"

namespace concertina {
namespace {

std::string_view suffix_of(TensorPart part, WeightNormNames weight_norm) {
  const bool hook = weight_norm == WeightNormNames::kHook;
  switch (part) {
    case TensorPart::kWhole:
      break;
    case TensorPart::kWeight:
      return ".weight";
    case TensorPart::kBias:
      return ".bias";
    case TensorPart::kScale:
      return hook ? ".weight_g" : ".parametrizations.weight.original0";
    case TensorPart::kDirection:
      return hook ? ".weight_v" : ".parametrizations.weight.original1";
  }
  return "";
}

constexpr std::string_view kIndex = "{}";

std::string with_index(std::string_view pattern, int32_t index) {
  const size_t at = pattern.find(kIndex);
  if (at == std::string_view::npos) return std::string(pattern);
  return fmt::format("{}{}{}", pattern.substr(0, at), index, pattern.substr(at + kIndex.size()));
}

bool take_prefix(std::string_view& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  return true;
}

// Takes what fits the pattern off the front of `name`.
bool take_pattern(std::string_view& name, std::string_view pattern, int32_t& index) {
  const size_t at = std::min(pattern.find(kIndex), pattern.size());
  if (!take_prefix(name, pattern.substr(0, at))) return false;
  if (at == pattern.size()) return true;
  const char* const end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data(), end, index);
  if (error != std::errc()) return false;
  name.remove_prefix(static_cast<size_t>(rest - name.data()));
  return take_prefix(name, pattern.substr(at + kIndex.size()));
}

std::optional<TensorId> named_in(const TensorRow& row, std::string_view name) {
  using enum TensorPart;
  TensorId id{.row = &row};
  if (!take_pattern(name, row.name, id.index)) return std::nullopt;
  const bool is_whole = row.form == RowForm::kStatistic || row.form == RowForm::kTensor;
  for (const TensorPart part : {kWhole, kWeight, kScale, kDirection, kBias}) {
    if ((part == kWhole) != is_whole || name != suffix_of(part, WeightNormNames::kHook)) continue;
    if ((part == kScale || part == kDirection) && row.form != RowForm::kWeightNorm) continue;
    id.part = part;
    return id;
  }
  return std::nullopt;
}

}  // namespace

std::string tensor_name(const TensorId& tensor) {
  return tensor_name(tensor, Naming::kFairseq, WeightNormNames::kHook);
}

std::string tensor_name(const TensorId& tensor, Naming naming, WeightNormNames weight_norm) {
  const TensorRow& row = *tensor.row;
  const bool ours = naming == Naming::kFairseq || row.transformers.empty();
  std::string name = with_index(ours ? row.name : row.transformers, tensor.index);
  return name.append(suffix_of(tensor.part, weight_norm));
}

std::string tensor_name(TensorModule module, TensorPart part) {
  const auto row = std::ranges::find(tensor_rows(), module, &TensorRow::module);
  CONCERTINA_ASSERT(row->repeat == RowRepeat::kOnce);
  return tensor_name(TensorId{&*row, part});
}

std::optional<TensorId> tensor_named(std::string_view name) {
  for (const TensorRow& row : tensor_rows()) {
    if (const auto id = named_in(row, name)) return id;
  }
  return std::nullopt;
}

}  // namespace concertina
