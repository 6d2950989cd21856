#include "distill/objective/channel_norm.h"

#include <algorithm>

namespace concertina {
namespace {

constexpr double kEps = 1e-5;  // of the variance

std::string mean_name(const std::string& row) { return row + "/mean"; }
std::string std_name(const std::string& row) { return row + "/std"; }

struct Sums {
  at::Tensor x, squares;  // [dim] fp64
};

void add(at::Tensor& sum, const at::Tensor& more) { sum = sum.defined() ? sum + more : more; }

void add(Sums& sums, const at::Tensor& row, const at::Tensor& valid) {
  const at::Tensor x = row.to(at::kDouble);
  const int64_t length = std::min(x.size(1), valid.size(1));
  // NaN in an invalid frame must not count.
  const at::Tensor seen = valid.narrow(1, 0, length).unsqueeze(2);
  const at::Tensor kept = at::where(seen, x.narrow(1, 0, length), 0.0);
  add(sums.x, kept.sum(at::IntArrayRef{0, 1}));
  add(sums.squares, kept.square().sum(at::IntArrayRef{0, 1}));
}

}  // namespace

TensorMap channel_statistics(ChannelNorm norm, const std::vector<std::string>& rows,
                             const RowSampler& sample) {
  TensorMap state;
  if (norm != ChannelNorm::kStandard) return state;
  std::map<std::string, Sums> sums;
  at::Tensor count;
  for (int64_t i = 0; i < kStatisticsBatches; ++i) {
    const RowBatch batch = sample(i);
    for (const std::string& row : rows) add(sums[row], batch.rows.at(row), batch.valid);
    add(count, batch.valid.sum().to(at::kDouble));
  }
  for (const auto& [row, both] : sums) {
    const at::Tensor mean = both.x / count;
    const at::Tensor variance = (both.squares / count - mean.square()).clamp_min(0);
    state[mean_name(row)] = mean.to(at::kFloat);
    state[std_name(row)] = (variance + kEps).sqrt().to(at::kFloat);
  }
  return state;
}

at::Tensor standardised(ChannelNorm norm, const std::string& row, const at::Tensor& x,
                        const TensorMap& state) {
  if (norm != ChannelNorm::kStandard) return x;
  return (x - state.at(mean_name(row))) / state.at(std_name(row));
}

at::Tensor original_scale(ChannelNorm norm, const std::string& row, const at::Tensor& x,
                          const TensorMap& state) {
  if (norm != ChannelNorm::kStandard) return x;
  return x * state.at(std_name(row)) + state.at(mean_name(row));
}

}  // namespace concertina
