#include "supernet/checkpoint/match.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/errors.h"
#include "supernet/checkpoint/names.h"
#include "supernet/checkpoint/whisper.h"
#include "supernet/space/slicing.h"
#include "supernet/space/unit_head_names.h"

namespace concertina {
namespace {

LayoutMap::const_iterator find_tensor(const LayoutMap& tensors, const NamesInFile& in_file,
                                      const TensorId& id, Naming naming) {
  const auto found = tensors.find(in_file(foreign_name(id, naming)));
  return found != tensors.end() ? found : tensors.find(in_file(other_spelling(id, naming)));
}

constexpr std::string_view kDecoder = "decoder";

std::string why_left_out(const std::string& theirs, const NamesInFile& in_file,
                         const Blueprint& blueprint) {
  const std::string& prefix = in_file.added;
  if (!prefix.empty() && !theirs.starts_with(prefix)) return "head of a task";
  const std::string_view name = std::string_view(theirs).substr(prefix.size());
  return is_whisper(blueprint) ? why_whisper_ignores(name) : why_ignored(name);
}

bool is_float(DType dtype) {
  return dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kF16 ||
         dtype == DType::kBF16;
}

// Adds HuBERT's head of units to the plan, where the file has a whole one for this width. Its bytes.
uint64_t plan_unit_head(const LayoutMap& tensors, const NamesInFile& in_file, int64_t embed_dim,
                        TensorPlan& plan, std::set<std::string>& used) {
  const auto find = [&](const std::string& name) {
    const auto found = tensors.find(in_file(name));
    return found != tensors.end() ? found : tensors.find(name);
  };
  const auto weight = find("final_proj.weight"), bias = find("final_proj.bias"),
             codewords = find("label_embs_concat");
  if (weight == tensors.end() || bias == tensors.end() || codewords == tensors.end()) return 0;
  const std::vector<int64_t>&rows = weight->second.sizes, &units = codewords->second.sizes;
  const bool fits = rows.size() == 2 && rows[1] == embed_dim && units.size() == 2 &&
                    units[1] == rows[0] && bias->second.sizes == std::vector{rows[0]};
  const bool floats = is_float(weight->second.dtype) && is_float(bias->second.dtype) &&
                      is_float(codewords->second.dtype);
  if (!fits || !floats) return 0;
  uint64_t bytes = 0;
  for (const auto& [ours, theirs] :
       {std::pair(kUnitHeadWeight, weight), std::pair(kUnitHeadBias, bias),
        std::pair(kUnitHeadCodewords, codewords)}) {
    plan.taken[ours] = theirs->first;
    used.insert(theirs->first);
    bytes += theirs->second.numel() * item_size(theirs->second.dtype);
  }
  return bytes;
}

}  // namespace

TensorPlan match_tensors(const ForeignModel& model, const LayoutMap& tensors,
                         const std::string& name, uint64_t file_bytes) {
  const NamesInFile in_file = names_in_file(tensors, model.blueprint);
  TensorPlan plan;
  std::string problems;
  std::set<std::string> used;
  uint64_t bytes = 0;
  size_t of_decoder = 0;  // as many as the encoder has, or more: named together
  const auto add = [&](const std::string& what) {
    problems += (problems.empty() ? "" : "; ") + what;
  };
  for (const TensorEntry& entry : tensor_table(model.blueprint, model.storage.shape)) {
    const std::string ours = tensor_name(entry.id);
    const auto found = find_tensor(tensors, in_file, entry.id, model.naming);
    if (found == tensors.end()) {
      if (entry.id.module() == TensorModule::kMaskEmbedding) {
        plan.zeros.push_back(ours);
      } else {
        add(in_file(foreign_name(entry.id, model.naming)) + " is missing");
      }
      continue;
    }
    const TensorLayout& layout = found->second;
    used.insert(found->first);
    if (!std::ranges::equal(layout.sizes, entry.sizes())) {
      add(fmt::format("{} is [{}], expected [{}]", found->first, fmt::join(layout.sizes, ", "),
                      fmt::join(entry.sizes(), ", ")));
    } else if (!is_float(layout.dtype)) {
      add(fmt::format("{} holds {}, no floats", found->first, dtype_name(layout.dtype)));
    }
    bytes += layout.numel() * item_size(layout.dtype);
    plan.taken[ours] = found->first;
  }
  if (!model.space)
    bytes += plan_unit_head(tensors, in_file, model.storage.shape.embed_dim(), plan, used);
  for (const auto& [theirs, layout] : tensors) {
    if (used.contains(theirs)) continue;
    const std::string why = why_left_out(theirs, in_file, model.blueprint);
    if (why == kDecoder) {
      ++of_decoder;
    } else if (why.empty()) {
      add(theirs + " is not part of this model");
    } else {
      plan.ignored.emplace_back(theirs, why);
    }
  }
  if (of_decoder > 0)
    plan.ignored.emplace_back(fmt::format("{} tensors", of_decoder), std::string(kDecoder));
  if (problems.empty() && bytes > file_bytes) add("tensors share more memory than the file has");
  if (!problems.empty()) {
    throw InputError(fmt::format("{}: its tensors do not fit a {} of its configuration: {}", name,
                                 model.kind, problems));
  }
  return plan;
}

}  // namespace concertina
