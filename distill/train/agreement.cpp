#include "distill/train/agreement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/errors.h"
#include "core/log.h"
#include "supernet/nn/precision.h"

namespace concertina {
namespace {

using Json = nlohmann::json;
using Leaves = std::map<std::string, std::string>;  // dotted key to JSON text
using Ranks = std::vector<int32_t>;

constexpr size_t kMostKeys = 8, kMostText = 60;  // of a message

Leaves leaves_of(const std::string& recipe) {
  Leaves leaves;
  const Json flat = Json::parse(recipe).flatten();
  for (const auto& [path, value] : flat.items()) {
    std::string key = path.substr(std::min<size_t>(1, path.size()));
    std::ranges::replace(key, '/', '.');
    leaves[key] = value.dump().substr(0, kMostText);
  }
  return leaves;
}

std::string value_of(const Leaves& leaves, const std::string& key) {
  const auto found = leaves.find(key);
  return found == leaves.end() ? "nothing" : found->second;
}

std::string named(const Ranks& ranks) {
  return fmt::format("{} {} {}", ranks.size() == 1 ? "rank" : "ranks", fmt::join(ranks, ", "),
                     ranks.size() == 1 ? "has" : "have");
}

// "lr: rank 1 has 0.2, rank 0 has 0.1", or "" where all agree.
std::string difference(const std::vector<Leaves>& all, const std::string& key) {
  std::map<std::string, Ranks> by_value;
  for (size_t rank = 0; rank < all.size(); ++rank) {
    by_value[value_of(all[rank], key)].push_back(static_cast<int32_t>(rank));
  }
  if (by_value.size() == 1) return "";
  std::vector<std::string> parts;
  for (const auto& [value, ranks] : by_value) parts.push_back(named(ranks) + " " + value);
  return fmt::format("{}: {}", key, fmt::join(parts, ", "));
}

// Of the bits and their places, in chunks so that little memory is taken.
int64_t checksum(const at::Tensor& flat) {
  constexpr int64_t kChunk = 1 << 20;
  const at::Tensor bits = flat.detach().contiguous().view(at::kInt);
  const at::Tensor places =
      at::arange(1, std::min(kChunk, bits.numel()) + 1, bits.options().dtype(at::kLong));
  at::Tensor sum = at::zeros({}, places.options());
  for (const at::Tensor& chunk : bits.split(kChunk)) {
    sum = sum * 31 + (chunk * places.narrow(0, 0, chunk.numel())).sum();
  }
  return sum.item<int64_t>();
}

}  // namespace

std::vector<std::string> gather(Communicator& communicator, const std::string& text) {
  if (communicator.alone()) return {text};
  const at::Tensor sizes = at::zeros({communicator.size()}, at::kLong);
  sizes[communicator.rank()] = static_cast<int64_t>(text.size());
  communicator.sum(sizes);
  const at::Tensor bytes = at::zeros({communicator.size(), sizes.max().item<int64_t>()}, at::kByte);
  std::memcpy(bytes[communicator.rank()].data_ptr<uint8_t>(), text.data(), text.size());
  communicator.sum(bytes);
  std::vector<std::string> texts;
  for (int64_t rank = 0; rank < communicator.size(); ++rank) {
    const auto* from = reinterpret_cast<const char*>(bytes[rank].const_data_ptr<uint8_t>());
    texts.emplace_back(from, static_cast<size_t>(sizes[rank].item<int64_t>()));
  }
  return texts;
}

void check_same_settings(Communicator& communicator, const std::string& recipe,
                         const std::map<std::string, std::string>& others) {
  if (communicator.alone()) return;
  Json mine = Json::parse(recipe);
  mine["version"] = CONCERTINA_VERSION;
  for (const auto& [key, value] : others) mine[key] = value;
  std::vector<Leaves> all;
  std::set<std::string> keys;
  for (const std::string& text : gather(communicator, mine.dump())) {
    all.push_back(leaves_of(text));
    for (const auto& [key, value] : all.back()) keys.insert(key);
  }
  std::vector<std::string> differences;
  for (const std::string& key : keys) {
    const std::string text = difference(all, key);
    if (!text.empty()) differences.push_back(text);
  }
  if (differences.empty()) return;
  const size_t count = differences.size();
  differences.resize(std::min(count, kMostKeys));
  throw InputError(fmt::format(
      "the processes of this run were not given the same: {}{}", fmt::join(differences, "; "),
      count > kMostKeys ? fmt::format("; and {} more", count - kMostKeys) : ""));
}

void check_same_weights(Communicator& communicator, const at::Tensor& flat,
                        const std::string& where) {
  if (communicator.alone()) return;
  const at::Tensor sums = at::zeros({communicator.size()}, at::kLong);
  sums[communicator.rank()] = checksum(flat);
  communicator.sum(sums);
  Ranks others;
  for (int32_t rank = 1; rank < communicator.size(); ++rank) {
    if (sums[rank].item<int64_t>() != sums[0].item<int64_t>()) others.push_back(rank);
  }
  if (others.empty()) return;
  throw SystemError(fmt::format(
      "{} other weights than rank 0 {}: a process computed something else; go on from the last "
      "checkpoint with --resume",
      named(others), where));
}

bool all_agree(Communicator& communicator, bool mine) {
  const at::Tensor votes = at::zeros({1}, at::kLong);
  votes[0] = mine ? 1 : 0;
  communicator.sum(votes);
  return votes.item<int64_t>() == communicator.size();
}

at::ScalarType agreed_dtype(Precision precision, at::Device device, Communicator& communicator) {
  const at::ScalarType own = scalar_type(precision, device);
  if (precision != Precision::kAuto) return own;
  const bool fast_here = own == at::kBFloat16;
  if (all_agree(communicator, fast_here)) return at::kBFloat16;
  if (fast_here) log_warn("dtype: auto is fp32: not all processes multiply bf16 fast");
  return at::kFloat;
}

}  // namespace concertina
