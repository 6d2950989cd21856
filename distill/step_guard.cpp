#include "distill/step_guard.h"

#include <limits>

#include "distill/adamw.h"

namespace concertina {
namespace {

constexpr double kLossMemory = 0.98;

}  // namespace

StepGuard::StepGuard(const OptimizerOptions& options, at::Device device)
    : guard_(options.guard),
      clip_(options.clip),
      mean_loss_(at::zeros({}, at::TensorOptions(device).dtype(at::kDouble))) {}

void StepGuard::restart(double mean_loss) { mean_loss_.fill_(mean_loss); }

at::Tensor StepGuard::judge(const at::Tensor& loss, const at::Tensor& norm, int64_t step) {
  at::Tensor good = loss.isfinite().logical_and(norm.isfinite());
  if (guard_ > 0 && step >= kGuardAfter) good = good.logical_and(loss <= mean_loss_ * guard_);
  const at::Tensor mean = mean_loss_ * kLossMemory + loss * (1 - kLossMemory);
  mean_loss_ = at::where(good, at::where(mean_loss_ == 0, loss, mean), mean_loss_);
  return at::where(good, clip_scale(norm, clip_), std::numeric_limits<double>::quiet_NaN());
}

}  // namespace concertina
