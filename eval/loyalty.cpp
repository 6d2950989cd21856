#include "eval/loyalty.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <tuple>

#include "core/errors.h"
#include "distill/objective/kmeans.h"

namespace concertina {
namespace {

constexpr int64_t kLoyaltyUnitCount = 100;
constexpr int32_t kLoyaltyIterations = 20;
constexpr double kLoyaltyFrames = 10000;

// [n, K] double.
at::Tensor squared_distances(const at::Tensor& rows, const at::Tensor& centroids) {
  const at::Tensor x = rows.to(at::kDouble), c = centroids.to(at::kDouble);
  return (x.square().sum(1, true) - 2 * x.mm(c.t()) + c.square().sum(1)).clamp_min(0);
}

at::Tensor softmax_of(const at::Tensor& distances, double temperature) {
  return (distances / -temperature).softmax(1);
}

// In bits; 0 log 0 = 0.
at::Tensor kullback_leibler(const at::Tensor& p, const at::Tensor& q) {
  return (at::xlogy(p, p) - at::xlogy(p, q)).sum(1) / std::numbers::ln2;
}

ClipAgreement sum_of(std::span<const ClipAgreement> clips) {
  ClipAgreement all = clips.front();
  for (const ClipAgreement& clip : clips.subspan(1)) {
    all.frames += clip.frames;
    all.y = all.y + clip.y;
    all.p = all.p + clip.p;
    all.yy = all.yy + clip.yy;
    all.pp = all.pp + clip.pp;
    all.yp = all.yp + clip.yp;
  }
  return all;
}

ClipHits shares_of_frames(std::span<const ClipAgreement> clips, double ClipAgreement::* counted) {
  ClipHits hits;
  for (const ClipAgreement& clip : clips) {
    hits.hits.push_back(clip.*counted);
    hits.totals.push_back(clip.frames);
  }
  return hits;
}

// Squared deviations and products of deviations from means over a split, by channel.
struct Deviations {
  at::Tensor yy, pp, yp;
};
Deviations about_means(const ClipAgreement& sums, const at::Tensor& y, const at::Tensor& p) {
  return {sums.yy - 2 * y * sums.y + sums.frames * y.square(),
          sums.pp - 2 * p * sums.p + sums.frames * p.square(),
          sums.yp - y * sums.p - p * sums.y + sums.frames * y * p};
}

// 1 / x, and 0 where x is 0 but for rounding of `sums`, which it is a difference of.
at::Tensor inverse_of(const at::Tensor& x, const at::Tensor& sums) {
  return at::where(x > 1e-12 * sums, x.reciprocal(), at::zeros_like(x));
}

}  // namespace

LoyaltyUnits fit_loyalty_units(const at::Tensor& rows, const Rng& rng) {
  CONCERTINA_ASSERT(rows.size(0) > 0);
  const auto every =
      std::max<int64_t>(1, std::llround(static_cast<double>(rows.size(0)) / kLoyaltyFrames));
  const at::Tensor points = rows.slice(0, 0, std::nullopt, every).contiguous();
  const auto count = static_cast<int32_t>(std::min(kLoyaltyUnitCount, points.size(0)));
  LoyaltyUnits units{.centroids = kmeans(points, count, kLoyaltyIterations, rng)};
  if (count < 2) return units;
  const at::Tensor nearest =
      std::get<0>(squared_distances(points, units.centroids).topk(2, 1, /*largest=*/false));
  const double gap = (nearest.select(1, 1) - nearest.select(1, 0)).mean().item<double>();
  if (gap > 0) units.temperature = gap;
  return units;
}

at::Tensor unit_probabilities(const LoyaltyUnits& units, const at::Tensor& rows) {
  return softmax_of(squared_distances(rows, units.centroids), units.temperature);
}

at::Tensor probability_loyalties(const at::Tensor& p, const at::Tensor& q) {
  const at::Tensor middle = (p + q) / 2;
  const at::Tensor divergence = (kullback_leibler(p, middle) + kullback_leibler(q, middle)) / 2;
  return 1 - divergence.clamp(0, 1).sqrt();
}

ClipAgreement clip_agreement(const LoyaltyUnits& units, const at::Tensor& teacher,
                             const at::Tensor& student) {
  CONCERTINA_ASSERT(teacher.sizes() == student.sizes());
  const at::Tensor y = teacher.to(at::kDouble), p = student.to(at::kDouble);
  const at::Tensor of_teacher = squared_distances(y, units.centroids);
  const at::Tensor of_student = squared_distances(p, units.centroids);
  const at::Tensor alike = probability_loyalties(softmax_of(of_teacher, units.temperature),
                                                 softmax_of(of_student, units.temperature));
  return {.frames = static_cast<double>(y.size(0)),
          .labels = of_teacher.argmin(1).eq(of_student.argmin(1)).sum().item<double>(),
          .probabilities = alike.sum().item<double>(),
          .y = y.sum(0),
          .p = p.sum(0),
          .yy = y.square().sum(0),
          .pp = p.square().sum(0),
          .yp = (y * p).sum(0)};
}

ClipHits label_loyalty(std::span<const ClipAgreement> clips) {
  return shares_of_frames(clips, &ClipAgreement::labels);
}

ClipHits probability_loyalty(std::span<const ClipAgreement> clips) {
  return shares_of_frames(clips, &ClipAgreement::probabilities);
}

ClipHits pearson_loyalty(std::span<const ClipAgreement> clips) {
  if (clips.empty()) return {};
  const ClipAgreement sums = sum_of(clips);
  const at::Tensor y = sums.y / sums.frames, p = sums.p / sums.frames;
  const Deviations all = about_means(sums, y, p);
  const at::Tensor of_y = inverse_of(all.yy, sums.yy), of_p = inverse_of(all.pp, sums.pp);
  const double channels = std::max<double>(1, of_y.gt(0).sum().item<double>());
  ClipHits hits;
  for (const ClipAgreement& clip : clips) {
    const Deviations own = about_means(clip, y, p);
    const at::Tensor share = own.yy * of_y;
    const at::Tensor of_student = at::where(of_p > 0, own.pp * of_p * of_y.gt(0), share);
    hits.hits.push_back((own.yp * (of_y * of_p).sqrt()).sum().item<double>() / channels);
    hits.totals.push_back((share + of_student).sum().item<double>() / 2 / channels);
  }
  return hits;
}

ClipHits explained_deviations(std::span<const ClipAgreement> clips) {
  if (clips.empty()) return {};
  const ClipAgreement sums = sum_of(clips);
  const at::Tensor y = sums.y / sums.frames, p = sums.p / sums.frames;
  const double all = about_means(sums, y, p).yy.sum().item<double>();
  ClipHits hits;
  for (const ClipAgreement& clip : clips) {
    const double deviation = about_means(clip, y, p).yy.sum().item<double>();
    const double error = (clip.yy - 2 * clip.yp + clip.pp).sum().item<double>();
    hits.hits.push_back(all > 0 ? (deviation - error) / all : 0);
    hits.totals.push_back(all > 0 ? deviation / all : 0);
  }
  return hits;
}

}  // namespace concertina
