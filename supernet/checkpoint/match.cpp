#include "supernet/checkpoint/match.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "core/errors.h"
#include "supernet/space/slicing.h"

namespace concertina {
namespace {

// The tensor under its name or, for a weight norm, the other spelling of it.
LayoutMap::const_iterator find_tensor(const LayoutMap& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  if (found != tensors.end()) return found;
  const std::string other = other_spelling(name);
  return other.empty() ? found : tensors.find(other);
}

bool is_float(DType dtype) {
  return dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kF16 ||
         dtype == DType::kBF16;
}

}  // namespace

TensorPlan match_tensors(const ForeignModel& model, const LayoutMap& tensors,
                         const std::string& name, uint64_t file_bytes) {
  const std::string prefix = task_prefix(tensors);
  const Storage storage = model.space.storage();
  TensorPlan plan;
  std::string problems;
  std::set<std::string> used;
  uint64_t bytes = 0;
  const auto add = [&](const std::string& what) {
    problems += (problems.empty() ? "" : "; ") + what;
  };
  for (const TensorSlice& slice : tensor_slices(model.space.blueprint(), storage, storage.shape)) {
    const std::string theirs = prefix + foreign_name(slice.name, model.naming);
    const auto found = find_tensor(tensors, theirs);
    if (found == tensors.end()) {
      if (slice.name == "mask_emb") {
        plan.zeros.push_back(slice.name);
      } else {
        add(theirs + " is missing");
      }
      continue;
    }
    const TensorLayout& layout = found->second;
    used.insert(found->first);
    if (layout.sizes != slice.shape()) {
      add(fmt::format("{} is [{}], expected [{}]", found->first, fmt::join(layout.sizes, ", "),
                      fmt::join(slice.shape(), ", ")));
    } else if (!is_float(layout.dtype)) {
      add(fmt::format("{} holds {}, no floats", found->first, dtype_name(layout.dtype)));
    }
    bytes += layout.numel() * item_size(layout.dtype);
    plan.taken[slice.name] = found->first;
  }
  for (const auto& [theirs, layout] : tensors) {
    if (used.contains(theirs)) continue;
    const bool outside = !prefix.empty() && !theirs.starts_with(prefix);
    const std::string why =
        outside ? "head of a task" : why_ignored(std::string_view(theirs).substr(prefix.size()));
    if (why.empty()) {
      add(theirs + " is not part of this model");
    } else {
      plan.ignored.emplace_back(theirs, why);
    }
  }
  if (problems.empty() && bytes > file_bytes) add("tensors share more memory than the file has");
  if (!problems.empty()) {
    throw InputError(fmt::format("{}: its tensors do not fit a {} of its configuration: {}", name,
                                 model.kind, problems));
  }
  return plan;
}

}  // namespace concertina
