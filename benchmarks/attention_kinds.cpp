// Time of the kinds of attention against the length of a clip, medians of alternating calls: attention alone (q,
// k and v to its result), then an encoder layer (384 wide, 6 heads, FFN 1536). Frames of 20 ms.
// Usage: attention_kinds_bench [THREADS [DEVICE]]
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
#include "core/memory.h"
#include "supernet/model/supernet.h"
#include "supernet/nn/attention.h"
#include "supernet/nn/encoder_layer.h"
#include "supernet/nn/linear_attention.h"

namespace {

using namespace concertina;

constexpr int kRounds = 7;
constexpr int64_t kHeads = 6, kWidth = 384, kWindow = 64;
constexpr std::array kSeconds = {10, 20, 40, 80};
constexpr std::array kSides = {"softmax", "window of 64", "linear"};

using Side = std::function<void()>;

void compare(const char* what, at::Device device, int seconds, const std::array<Side, 3>& sides) {
  std::array<std::vector<double>, 3> times;
  for (int round = 0; round < kRounds + 1; ++round) {
    for (size_t i = 0; i < sides.size(); ++i) {
      const double ms = milliseconds(device, sides[i]);
      if (round > 0) times[i].push_back(ms);
    }
  }
  const double softmax = median(times[0]), window = median(times[1]), linear = median(times[2]);
  fmt::print("| {} | {} | {:.2f} | {:.2f} | {:.2f} | {:.1f} | {:.1f} |\n", what, seconds, softmax,
             window, linear, softmax / window, softmax / linear);
}

// Of one clip.
void compare_attention(at::TensorOptions options, int seconds, bool step) {
  const int64_t frames = seconds * 50 - 1;
  std::array<at::Tensor, 3> in;
  for (at::Tensor& x : in) x = at::randn({1, frames, kWidth}, options).requires_grad_(step);
  const auto side = [&](const auto& attention) -> Side {
    return [&in, step, attention] {
      const at::AutoGradMode grad_mode(step);
      const at::Tensor y = attention(in[0], in[1], in[2]);
      if (step) torch::autograd::grad({y}, {in[0], in[1], in[2]}, {at::ones_like(y)});
    };
  };
  using T = const at::Tensor&;
  compare(step ? "attention, forward and gradients" : "attention", options.device(), seconds,
          {side([](T q, T k, T v) { return masked_attention(q, k, v, kHeads, {}); }),
           side([](T q, T k, T v) { return windowed_attention(q, k, v, kHeads, {}, kWindow); }),
           side([](T q, T k, T v) { return linear_attention(q, k, v, kHeads, {}); })});
}

void compare_layers(const Supernet& model, at::TensorOptions options, int seconds) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::randn({1, seconds * 50 - 1, kWidth}, options);
  const auto dtype = c10::typeMetaToScalarType(options.dtype());
  const Subnet subnet = model.slice(model.space().largest(), dtype);
  const auto side = [&](int32_t window, AttentionKind kind) -> Side {
    LayerWeights layer = subnet.weights.layers.front();
    layer.shape.window = window;
    layer.shape.attention = kind;
    return [&subnet, &x, layer] {
      AttentionContext context;
      encoder_layer(subnet.blueprint, layer, x, context);
    };
  };
  compare("layer", options.device(), seconds,
          {side(0, AttentionKind::kSoftmax), side(kWindow, AttentionKind::kSoftmax),
           side(0, AttentionKind::kLinear)});
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  if (argc > 1) at::set_num_threads(std::atoi(argv[1]));
  const at::Device device(argc > 2 ? argv[2] : "cpu");
  Blueprint blueprint;
  blueprint.front_end = FrontEndKind::kLogMel;
  const Architecture architecture({}, kWidth, 20000, {{0, kHeads, 4 * kWidth}});
  const Supernet model =
      Supernet::random(SearchSpace::single(blueprint, {architecture, SlicingRule::kPrefix}), Rng(0))
          .to(device);
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const at::TensorOptions options = at::TensorOptions(device).dtype(dtype);
    fmt::print(
        "| {} | s of audio | {}, ms | {}, ms | {}, ms | softmax / window | softmax / linear |\n",
        dtype == at::kFloat ? "fp32" : "bf16", kSides[0], kSides[1], kSides[2]);
    fmt::print("|---|---|---|---|---|---|---|\n");
    for (const bool step : {false, true}) {
      for (const int seconds : kSeconds) compare_attention(options, seconds, step);
    }
    for (const int seconds : kSeconds) compare_layers(model, options, seconds);
  }
}
