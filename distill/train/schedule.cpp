#include "distill/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace concertina {
namespace {

// How far the steps from `first` to `last` are done: 0 to 1.
double progress(double at, double first, double last) {
  return std::clamp((at - first) / std::max(1.0, last - first), 0.0, 1.0);
}

// The learning rate after the warm-up, as a share of the peak.
double decayed_share(const OptimizerOptions& o, double at, double warm, double total) {
  const double after_warm_up = progress(at, warm, total);
  const double in_decay = progress(at, std::max(warm, (1 - o.decay) * total), total);
  const auto linear = [&](double done) { return 1 - (1 - o.final_lr) * done; };
  switch (o.schedule) {
    case LrSchedule::kLinear:
      return linear(after_warm_up);
    case LrSchedule::kCosine:
      return o.final_lr + (1 - o.final_lr) * (1 + std::cos(std::numbers::pi * after_warm_up)) / 2;
    case LrSchedule::kInverseSqrt:
      return std::sqrt(warm / at);
    case LrSchedule::kTriStage:
      return std::pow(o.final_lr, in_decay);
    case LrSchedule::kConstant:
      return o.decay > 0 ? linear(in_decay) : 1;
    case LrSchedule::kRangeTest:
      break;
  }
  return std::pow(kRangeTestStart, 1 - at / total);
}

}  // namespace

double learning_rate(const OptimizerOptions& options, int64_t step, int64_t steps) {
  const auto total = static_cast<double>(std::max<int64_t>(steps, 1));
  const double warm = std::max(1.0, std::round(options.warmup * total));
  const double at = static_cast<double>(step) + 1;
  if (at <= warm && options.schedule != LrSchedule::kRangeTest) return options.lr * at / warm;
  return options.lr * decayed_share(options, at, warm, total);
}

}  // namespace concertina
