#include "distill/inheritance.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <span>

#include "core/errors.h"
#include "distill/train/json_leaves.h"
#include "supernet/model/unit_head.h"
#include "supernet/model/unit_order.h"
#include "supernet/space/blueprint_config.h"

namespace concertina {
namespace {

constexpr size_t kNamesPerLine = 8;

std::vector<std::string> differing_keys(const Blueprint& a, const Blueprint& b) {
  const JsonLeaves left = json_leaves(json_of(a)), right = json_leaves(json_of(b));
  std::vector<std::string> keys;
  for (const std::string& key : keys_of({left, right})) {
    if (leaf(left, key) != leaf(right, key)) keys.push_back(key);
  }
  return keys;
}

bool is_attention(const std::string& name) {
  const std::optional<TensorId> id = tensor_named(name);
  return id && is_of_attention(id->module());
}

void check_norms(const Blueprint& model, const Blueprint& older) {
  if (model.norm_position == older.norm_position) return;
  const auto place = [](const Blueprint& blueprint) {
    return blueprint.norm_position == NormPosition::kPre ? "before" : "after";
  };
  throw InputError(fmt::format(
      "the older model's norms are {} each block, the new one's {} it, so its weights have another "
      "meaning: start with init: random, or use a space with its norm_position",
      place(older), place(model)));
}

// The older model with its channels in the order of the new one's positional convolution.
Supernet in_channel_order_of(const Supernet& model, const Supernet& older) {
  const PositionalConv &ours = model.blueprint().positional, &theirs = older.blueprint().positional;
  const bool same_conv = ours.groups == theirs.groups && ours.kernel == theirs.kernel &&
                         ours.weight_norm == theirs.weight_norm;
  const bool same_width = model.storage().shape.embed_dim() == older.storage().shape.embed_dim();
  if (ours.interleaved == theirs.interleaved || ours.groups == 1 || !same_conv || !same_width) {
    return older;
  }
  return with_interleaving(older, ours.interleaved);
}

// Why a tensor cannot be copied, or nothing.
std::optional<std::string> mismatch(const std::string& name, const at::Tensor& tensor,
                                    const Supernet& model, const Supernet& older) {
  const auto found = older.weights().find(name);
  if (found == older.weights().end()) return "not in the older model";
  if (found->second.sizes() != tensor.sizes()) return "of another shape";
  const int32_t own = model.blueprint().head_dim, theirs = older.blueprint().head_dim;
  if (is_attention(name) && own != theirs) {
    return fmt::format("heads of {} where the older model's have {}", own, theirs);
  }
  return std::nullopt;
}

std::string lines_of(const Inheritance::ByReason& tensors, const char* what) {
  std::string text;
  for (const auto& [reason, names] : tensors) {
    const size_t shown = std::min(kNamesPerLine, names.size());
    text += fmt::format("\n  {} {} ({}): {}", names.size(), what, reason,
                        fmt::join(std::span(names).first(shown), ", "));
    if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  }
  return text;
}

size_t count_of(const Inheritance::ByReason& tensors) {
  size_t count = 0;
  for (const auto& [reason, names] : tensors) count += names.size();
  return count;
}

}  // namespace

Inheritance inherit_weights(Supernet& model, const Supernet& older) {
  check_norms(model.blueprint(), older.blueprint());
  const Supernet from = in_channel_order_of(model, older);
  Inheritance result;
  result.differences = differing_keys(model.blueprint(), older.blueprint());
  std::map<std::string, std::string> reasons;
  for (auto& [name, tensor] : model.weights()) {
    if (const auto reason = mismatch(name, tensor, model, from)) {
      result.initial[*reason].push_back(name);
      reasons[name] = *reason;
    } else {
      tensor = from.weights().at(name).to(tensor.scalar_type()).clone();
      result.copied.push_back(name);
    }
  }
  for (const auto& [name, tensor] : from.weights()) {
    const auto reason = reasons.find(name);
    if (reason != reasons.end()) {
      result.unused[reason->second].push_back(name);
    } else if (!model.weights().contains(name) && !is_of_unit_head(name)) {
      result.unused["not in the new model"].push_back(name);
    }
  }
  return result;
}

std::string describe(const Inheritance& inheritance) {
  std::string text =
      fmt::format("{} tensors copied, {} initial, {} unused", inheritance.copied.size(),
                  count_of(inheritance.initial), count_of(inheritance.unused));
  if (!inheritance.differences.empty()) {
    text += fmt::format("; the blueprints differ in {}", fmt::join(inheritance.differences, ", "));
  }
  return text + lines_of(inheritance.initial, "initial") + lines_of(inheritance.unused, "unused");
}

}  // namespace concertina
