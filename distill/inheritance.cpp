#include "distill/inheritance.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "core/errors.h"
#include "supernet/model/unit_order.h"
#include "supernet/space/blueprint_config.h"

namespace concertina {
namespace {

constexpr size_t kNamesOfALine = 8;

std::vector<std::string> differing_keys(const Blueprint& a, const Blueprint& b) {
  using Json = nlohmann::json;
  const Json left = Json::parse(json_of(a)).flatten(), right = Json::parse(json_of(b)).flatten();
  std::vector<std::string> keys;
  const auto note = [&](const Json& from, const Json& other, bool both) {
    for (const auto& [path, value] : from.items()) {
      const bool there = other.contains(path);
      if (there && (!both || other[path] == value)) continue;
      std::string key = path.substr(1);
      std::ranges::replace(key, '/', '.');
      keys.push_back(std::move(key));
    }
  };
  note(left, right, /*both=*/true);
  note(right, left, /*both=*/false);
  std::ranges::sort(keys);
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
      "the older model's norms stand {} each block, the new one's {} it, so its weights mean "
      "something else there: begin with init: random, or a space with its norm_position",
      place(older), place(model)));
}

// The older model with its channels where the new one's positional conv has their groups.
Supernet in_layout_of(const Supernet& model, const Supernet& older) {
  const PositionalConv &ours = model.blueprint().positional, &theirs = older.blueprint().positional;
  const bool same_conv = ours.groups == theirs.groups && ours.kernel == theirs.kernel &&
                         ours.weight_norm == theirs.weight_norm;
  const bool same_width = model.storage().shape.embed_dim() == older.storage().shape.embed_dim();
  if (ours.interleaved == theirs.interleaved || ours.groups == 1 || !same_conv || !same_width) {
    return older;
  }
  return with_interleaving(older, ours.interleaved);
}

// Why a tensor cannot be taken, or nothing.
std::optional<std::string> obstacle(const std::string& name, const at::Tensor& tensor,
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
    const size_t shown = std::min(kNamesOfALine, names.size());
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

Inheritance inherit(Supernet& model, const Supernet& older) {
  check_norms(model.blueprint(), older.blueprint());
  const Supernet from = in_layout_of(model, older);
  Inheritance result;
  result.differences = differing_keys(model.blueprint(), older.blueprint());
  std::map<std::string, std::string> reasons;
  for (auto& [name, tensor] : model.weights()) {
    if (const auto reason = obstacle(name, tensor, model, from)) {
      result.fresh[*reason].push_back(name);
      reasons[name] = *reason;
    } else {
      tensor = from.weights().at(name).to(tensor.scalar_type()).clone();
      result.taken.push_back(name);
    }
  }
  for (const auto& [name, tensor] : from.weights()) {
    const auto reason = reasons.find(name);
    if (reason != reasons.end()) {
      result.left_over[reason->second].push_back(name);
    } else if (!model.weights().contains(name)) {
      result.left_over["not in the new model"].push_back(name);
    }
  }
  return result;
}

std::string describe(const Inheritance& inheritance) {
  std::string text =
      fmt::format("{} tensors taken, {} fresh, {} left over", inheritance.taken.size(),
                  count_of(inheritance.fresh), count_of(inheritance.left_over));
  if (!inheritance.differences.empty()) {
    text += fmt::format("; the blueprints differ in {}", fmt::join(inheritance.differences, ", "));
  }
  return text + lines_of(inheritance.fresh, "fresh") + lines_of(inheritance.left_over, "left over");
}

}  // namespace concertina
