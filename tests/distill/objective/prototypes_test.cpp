// Prototypes that are frozen tell frames apart; trained on both sides they collapse, and the guard sees it.
#include "distill/objective/prototypes.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "distill/objective/distance.h"
#include "distill/objective/pooling.h"

namespace concertina {
namespace {

constexpr int64_t kFrames = 600, kSounds = 6, kDim = 12, kStudentDim = 4, kCount = 8;
constexpr double kTemperature = 0.1;

struct Speech {
  at::Tensor teacher, student;  // frames of sounds [kFrames, kDim]; a noisy part of them
};

Speech speech() {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(4);
  const auto noise = [&](at::IntArrayRef shape, double scale) {
    return at::empty(shape).normal_(0, scale, generator);
  };
  const at::Tensor sounds = noise({kSounds, kDim}, 1);
  const at::Tensor which = at::randint(kSounds, {kFrames}, generator, at::kLong);
  const at::Tensor frames = sounds.index_select(0, which) + noise({kFrames, kDim}, 0.3);
  return {frames, frames.slice(1, 0, kStudentDim) + noise({kFrames, kStudentDim}, 0.5)};
}

at::Tensor assignments(const at::Tensor& x, const at::Tensor& prototypes) {
  return (at::matmul(unit_vectors(x), unit_vectors(prototypes).t()) / kTemperature).softmax(-1);
}

// Steps of Adam on the divergence, over the head and, where asked, the prototypes of both sides.
at::Tensor trained_prototypes(const Speech& speech, at::Tensor prototypes, bool both_sides) {
  at::Tensor head = at::full({kStudentDim, kDim}, 0.1);
  head = (head * at::arange(kStudentDim * kDim).view_as(head).cos()).requires_grad_();
  prototypes = prototypes.clone().requires_grad_(both_sides);
  std::vector<at::Tensor> parameters = {head};
  if (both_sides) parameters.push_back(prototypes);
  std::vector<at::Tensor> mean, square;
  for (const at::Tensor& p : parameters) {
    mean.push_back(at::zeros_like(p));
    square.push_back(at::zeros_like(p));
  }
  for (int step = 1; step <= 500; ++step) {
    const at::Tensor a = assignments(speech.teacher, prototypes);
    const at::Tensor own = assignments(at::matmul(speech.student, head), prototypes);
    (at::xlogy(a, a) - at::xlogy(a, own)).sum(-1).mean().backward();
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < parameters.size(); ++i) {
      const at::Tensor grad = parameters[i].grad();
      mean[i].lerp_(grad, 0.1);
      square[i].lerp_(grad * grad, 0.01);
      parameters[i].sub_(0.02 * mean[i] / (square[i].sqrt() + 1e-8));
      parameters[i].mutable_grad().zero_();
    }
  }
  return prototypes.detach();
}

TEST(Prototypes, FrozenOnesTellFramesApartAndTrainedOnesCollapse) {
  const Speech given = speech();
  const at::Tensor centres = cluster_centres(unit_vectors(given.teacher), kCount, 20, Rng(1));
  const auto information = [&](bool both_sides) {
    const at::Tensor prototypes = trained_prototypes(given, centres, both_sides);
    return assignment_information(assignments(given.teacher, prototypes)).item<double>();
  };
  EXPECT_GT(information(false), 2 * kLeastAssignmentInformation);
  EXPECT_LT(information(true), kLeastAssignmentInformation);
}

TEST(Prototypes, InformationIsThatOfTheAssignments) {
  EXPECT_NEAR(assignment_information(at::eye(4)).item<double>(), 1, 1e-6);
  EXPECT_NEAR(assignment_information(at::full({5, 4}, 0.25)).item<double>(), 0, 1e-6);
  const at::Tensor one = at::zeros({5, 4});
  one.select(1, 2).fill_(1);
  EXPECT_NEAR(assignment_information(one).item<double>(), 0, 1e-6);
}

}  // namespace
}  // namespace concertina
