#include "distill/step_guard.h"

#include <algorithm>
#include <limits>

#include "distill/adamw.h"

namespace concertina {
namespace {

constexpr double kLossMemory = 0.98;

}  // namespace

StepGuard::StepGuard(const OptimizerOptions& options, at::Device device)
    : guard_(options.guard),
      clip_(options.clip),
      means_(at::zeros({0}, at::TensorOptions(device).dtype(at::kDouble))) {}

void StepGuard::restart(const std::vector<double>& means) {
  means_ = at::tensor(means, at::kDouble).to(means_.device());
}

at::Tensor StepGuard::judge(const at::Tensor& losses, const at::Tensor& norm, int64_t seen) {
  if (seen == 0 || means_.sizes() != losses.sizes()) means_ = at::zeros_like(losses);
  const at::Tensor fresh = means_ == 0;
  at::Tensor good = losses.isfinite().all().logical_and(norm.isfinite());
  if (guard_ > 0 && seen >= kGuardAfter) {
    good = good.logical_and(fresh.logical_or(losses <= means_ * guard_).all());
  }
  const double newest = std::max(1 / static_cast<double>(seen + 1), 1 - kLossMemory);
  const at::Tensor mean = at::where(fresh, losses, means_ * (1 - newest) + losses * newest);
  means_ = at::where(good, mean, means_);
  return at::where(good, clip_scale(norm, clip_), std::numeric_limits<double>::quiet_NaN());
}

}  // namespace concertina
