#include "distill/train/consistency.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/errors.h"
#include "core/log.h"
#include "distill/train/json_leaves.h"
#include "supernet/nn/precision.h"

namespace concertina {
namespace {

using Ranks = std::vector<int32_t>;

std::string ranks_have(const Ranks& ranks) {
  return fmt::format("{} {} {}", ranks.size() == 1 ? "rank" : "ranks", fmt::join(ranks, ", "),
                     ranks.size() == 1 ? "has" : "have");
}

// "lr: rank 1 has 0.2, rank 0 has 0.1", or "" where all are equal.
std::string difference(const std::vector<JsonLeaves>& all, const std::string& key) {
  std::map<std::string, Ranks> by_value;
  for (size_t rank = 0; rank < all.size(); ++rank) {
    by_value[leaf(all[rank], key)].push_back(static_cast<int32_t>(rank));
  }
  if (by_value.size() == 1) return "";
  std::vector<std::string> parts;
  for (const auto& [value, ranks] : by_value) {
    parts.push_back(fmt::format("{} {}", ranks_have(ranks), shortened(value)));
  }
  return fmt::format("{}: {}", key, fmt::join(parts, ", "));
}

// Of the bits and their positions, in chunks so that little memory is allocated.
int64_t checksum(const at::Tensor& flat) {
  constexpr int64_t kChunk = 1 << 20;
  const at::Tensor bits = flat.detach().contiguous().view(at::kInt);
  const at::Tensor positions =
      at::arange(1, std::min(kChunk, bits.numel()) + 1, bits.options().dtype(at::kLong));
  at::Tensor sum = at::zeros({}, positions.options());
  for (const at::Tensor& chunk : bits.split(kChunk)) {
    sum = sum * 31 + (chunk * positions.narrow(0, 0, chunk.numel())).sum();
  }
  return sum.item<int64_t>();
}

// A sum of blocks that are zero but for one process's part: the same bits on any device.
at::Tensor joined(Communicator& communicator, const at::Tensor& tensor) {
  const at::Tensor counts =
      at::zeros({communicator.world_size()}, tensor.options().dtype(at::kLong));
  counts[communicator.rank()] = tensor.size(0);
  communicator.all_reduce(counts);
  const at::Tensor on_host = counts.to(at::kCPU);
  const int64_t before = on_host.narrow(0, 0, communicator.rank()).sum().item<int64_t>();
  std::vector<int64_t> sizes = tensor.sizes().vec();
  sizes[0] = on_host.sum().item<int64_t>();
  const at::Tensor all = at::zeros(sizes, tensor.options());
  all.narrow(0, before, tensor.size(0)).copy_(tensor);
  communicator.all_reduce(all);
  return all;
}

}  // namespace

TensorMap of_all_processes(Communicator& communicator, const TensorMap& tensors) {
  if (communicator.is_single_process()) return tensors;
  TensorMap result;
  for (const auto& [name, tensor] : tensors) result[name] = joined(communicator, tensor);
  return result;
}

std::vector<std::string> all_gather(Communicator& communicator, const std::string& text) {
  if (communicator.is_single_process()) return {text};
  const at::Tensor sizes = at::zeros({communicator.world_size()}, at::kLong);
  sizes[communicator.rank()] = static_cast<int64_t>(text.size());
  communicator.all_reduce(sizes);
  const at::Tensor bytes =
      at::zeros({communicator.world_size(), sizes.max().item<int64_t>()}, at::kByte);
  std::memcpy(bytes[communicator.rank()].data_ptr<uint8_t>(), text.data(), text.size());
  communicator.all_reduce(bytes);
  std::vector<std::string> texts;
  for (int64_t rank = 0; rank < communicator.world_size(); ++rank) {
    const auto* from = reinterpret_cast<const char*>(bytes[rank].const_data_ptr<uint8_t>());
    texts.emplace_back(from, static_cast<size_t>(sizes[rank].item<int64_t>()));
  }
  return texts;
}

bool all_true(Communicator& communicator, bool value) {
  const at::Tensor votes = at::zeros({1}, at::kLong);
  votes[0] = value ? 1 : 0;
  communicator.all_reduce(votes);
  return votes.item<int64_t>() == communicator.world_size();
}

bool of_rank_zero(Communicator& communicator, bool value) {
  const at::Tensor vote = at::full({1}, value ? 1 : 0, at::kLong);
  communicator.broadcast(vote);
  return vote.item<int64_t>() == 1;
}

StopReason common_stop_reason(Communicator& communicator, StopReason own) {
  if (communicator.is_single_process()) return own;
  constexpr StopReason kReasons[] = {StopReason::kInterrupt, StopReason::kTerminate,
                                     StopReason::kTimeUp};
  const at::Tensor votes = at::zeros({std::ssize(kReasons)}, at::kDouble);
  double* vote = votes.data_ptr<double>();
  for (size_t i = 0; i < std::size(kReasons); ++i) vote[i] = own == kReasons[i] ? 1 : 0;
  communicator.all_reduce(votes);
  for (size_t i = 0; i < std::size(kReasons); ++i) {
    if (vote[i] > 0) return kReasons[i];
  }
  return StopReason::kNone;
}

at::ScalarType common_dtype(Precision precision, at::Device device, Communicator& communicator) {
  const at::ScalarType own = scalar_type(precision, device);
  if (precision != Precision::kAuto) return own;
  const bool fast_here = own == at::kBFloat16;
  if (all_true(communicator, fast_here)) return at::kBFloat16;
  if (fast_here) log_warn("dtype: auto is fp32: not all ranks have bf16 products in hardware");
  return at::kFloat;
}

void check_same_settings(Communicator& communicator, const std::string& settings,
                         const std::map<std::string, std::string>& others) {
  if (communicator.is_single_process()) return;
  nlohmann::json own = nlohmann::json::parse(settings);
  own["version"] = CONCERTINA_VERSION;
  for (const auto& [key, value] : others) own[key] = value;
  std::vector<JsonLeaves> all;
  for (const std::string& text : all_gather(communicator, own.dump())) {
    all.push_back(json_leaves(text));
  }
  std::vector<std::string> differences;
  for (const std::string& key : keys_of(all)) {
    std::string text = difference(all, key);
    if (!text.empty()) differences.push_back(std::move(text));
  }
  if (differences.empty()) return;
  throw InputError(fmt::format("the processes of this run have different settings: {}",
                               joined(std::move(differences), "; ")));
}

void check_same_weights(Communicator& communicator, const at::Tensor& flat,
                        const std::string& where) {
  if (communicator.is_single_process()) return;
  const at::Tensor sums = at::zeros({communicator.world_size()}, at::kLong);
  sums[communicator.rank()] = checksum(flat);
  communicator.all_reduce(sums);
  Ranks others;
  for (int32_t rank = 1; rank < communicator.world_size(); ++rank) {
    if (sums[rank].item<int64_t>() != sums[0].item<int64_t>()) others.push_back(rank);
  }
  if (others.empty()) return;
  throw SystemError(fmt::format(
      "{} other weights than rank 0 {}: the processes have diverged; resume from the last "
      "checkpoint with --resume",
      ranks_have(others), where));
}

}  // namespace concertina
