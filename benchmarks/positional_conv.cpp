// The positional convolution compared with ATen's, in one run: medians of alternating calls. Prints a
// table; "old" is at::conv2d on channels-last memory, which oneDNN or cuDNN computes.
// Usage: positional_conv_bench [THREADS [DEVICE]]
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <vector>

#include "benchmarks/timing.h"
#include "supernet/nn/grouped_conv.h"
#include "supernet/nn/ops.h"

namespace {

using namespace concertina;

constexpr int64_t kGroups = 16, kKernel = 128;
constexpr int kRounds = 15;

using Conv = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& weight)>;

at::Tensor library(const at::Tensor& x, const at::Tensor& weight) {
  const std::array<int64_t, 2> padding = {0, kKernel / 2};
  const at::Tensor kernel = weight.unsqueeze(2).contiguous(at::MemoryFormat::ChannelsLast);
  return at::conv2d(x.transpose(1, 2).unsqueeze(2), kernel, {}, 1, at::IntArrayRef(padding), 1,
                    kGroups)
      .squeeze(2)
      .transpose(1, 2)
      .narrow(1, 0, x.size(1));
}

at::Tensor ours(const at::Tensor& x, const at::Tensor& weight) {
  return grouped_conv(x, weight, {}, kGroups);
}

void compare(at::TensorOptions options, int64_t width, int64_t clips, int64_t frames, bool step) {
  const auto dtype = c10::typeMetaToScalarType(options.dtype());
  const at::Tensor x = at::randn({clips, frames, width}, options).requires_grad_(step);
  const at::Tensor weight = at::randn({width, width / kGroups, kKernel}, options);
  const at::Tensor taps = weight.unsqueeze(2).contiguous(at::MemoryFormat::ChannelsLast).squeeze(2);
  const std::array<std::pair<Conv, at::Tensor>, 2> sides = {
      std::pair<Conv, at::Tensor>{library, taps.detach().requires_grad_(step)},
      std::pair<Conv, at::Tensor>{ours, tap_by_tap(weight).detach().requires_grad_(step)}};
  const at::AutoGradMode grad_mode(step);
  std::array<std::vector<double>, 2> times;
  for (int round = 0; round < kRounds + 2; ++round) {
    for (size_t side = 0; side < 2; ++side) {
      const auto& [conv, kernel] = sides[side];
      const double ms = milliseconds(options.device(), [&] {
        const at::Tensor y = conv(x, kernel);
        if (step) torch::autograd::grad({y}, {x, kernel}, {at::ones_like(y)});
      });
      if (round >= 2) times[side].push_back(ms);
    }
  }
  const double before = median(times[0]), after = median(times[1]);
  fmt::print("| {} | {} | {} x {} | {} | {:.2f} | {:.2f} | {:.1f} |\n",
             dtype == at::kFloat ? "fp32" : "bf16", width, clips, frames,
             step ? "forward and gradients" : "forward", before, after, before / after);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) at::set_num_threads(std::atoi(argv[1]));
  const at::Device device(argc > 2 ? argv[2] : "cpu");
  fmt::print("| dtype | width | clips x frames | what | old, ms | new, ms | old / new |\n");
  fmt::print("|---|---|---|---|---|---|---|\n");
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const at::TensorOptions options = at::TensorOptions(device).dtype(dtype);
    for (const int64_t width : {64, 256, 384, 768}) {
      compare(options, width, 1, 500, false);
      compare(options, width, 4, 250, true);
      if (device.is_cpu()) continue;
      compare(options, width, 16, 999, false);
      compare(options, width, 16, 999, true);
    }
  }
}
