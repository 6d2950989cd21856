#include "distill/train/step_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "distill/train/adamw.h"

namespace concertina {
namespace {

constexpr double kLossDecay = 0.98;

at::Tensor of_roles(const at::Tensor& means, int64_t roles) {
  return means.slice(0, means.numel() - roles);
}

}  // namespace

StepGuard::StepGuard(const OptimizerOptions& options, at::Device device)
    : guard_(options.guard),
      clip_(options.clip),
      means_(at::zeros({0}, at::TensorOptions(device).dtype(at::kDouble))) {}

void StepGuard::restore(const std::vector<double>& means) {
  means_ = at::tensor(means, at::kDouble).to(means_.device());
}

at::Tensor StepGuard::gradient_scale(const at::Tensor& losses, const at::Tensor& norm,
                                     int64_t steps_since_opening) {
  const int64_t seen = steps_since_opening;
  const int64_t more = losses.numel() - means_.numel();
  if (seen == 0 || (more > 0 && means_.numel() < 2))
    means_ = at::zeros_like(losses);
  else if (more > 0)
    means_ = at::cat({losses.new_zeros({more}), means_});
  at::Tensor means = of_roles(means_, losses.numel());
  const at::Tensor fresh = means == 0;
  at::Tensor good = losses.isfinite().all().logical_and(norm.isfinite());
  if (guard_ > 0 && seen >= kGuardAfter) {
    good = good.logical_and(fresh.logical_or(losses <= means * guard_).all());
  }
  const double weight = std::max(1 / static_cast<double>(seen + 1), 1 - kLossDecay);
  const at::Tensor mean = at::where(fresh, losses, means * (1 - weight) + losses * weight);
  means = at::where(good, mean, means);
  means_ = at::cat({means_.slice(0, 0, means_.numel() - losses.numel()), means});
  return at::where(good, clip_scale(norm, clip_), std::numeric_limits<double>::quiet_NaN());
}

std::string skip_reason(const LossValues& loss, bool by_role, const double* means, double guard,
                        double grad_norm) {
  std::vector<std::pair<std::string, double>> roles = {{"", loss.total}};
  if (by_role) roles = loss.terms;
  for (size_t i = 0; i < roles.size(); ++i) {
    const auto& [role, value] = roles[i];
    const std::string name = role.empty() ? "loss" : "loss of " + role;
    if (!std::isfinite(value)) return fmt::format("{} {}", name, value);
    if (guard > 0 && means[i] > 0 && value > guard * means[i]) {
      return fmt::format(
          "{} {:.4g} is more than optimizer.guard = {} times its running mean {:.4g}", name, value,
          guard, means[i]);
    }
  }
  return fmt::format("gradient norm {}", grad_norm);
}

}  // namespace concertina
