// The gradient of one step of a learner.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "distill/objective/layer_mean.h"
#include "distill/train/learner.h"
#include "tests/distill/tiny.h"

namespace concertina::testing {

// Of a sandwich of subnets that learn a random teacher's layer mean; `change` sets what differs.
inline std::unique_ptr<Learner> layer_mean_learner(
    const SearchSpace& space, const std::function<void(Learner::Setup&)>& change = {}) {
  auto objective =
      std::make_unique<LayerMeanObjective>(LayerMeanSpec{2, Distance::kL1, true, 2, 32, 32});
  auto heads = objective->parameters(Rng(1));
  SamplerOptions sampler;
  sampler.kind = SamplerKind::kSandwich;
  Learner::Setup setup{.student = Supernet::random(space, Rng(2)),
                       .objective = std::move(objective),
                       .heads = std::move(heads),
                       .sampler = make_sampler(sampler, space, 4, Rng(3)),
                       .teachers = {Supernet::random(tiny_teacher(space), Rng(1))},
                       .rng = Rng(8)};
  if (change) change(setup);
  return std::make_unique<Learner>(std::move(setup));
}

inline TrainingBatch batch_of(const at::Tensor& audio) {
  TrainingBatch batch;
  batch.speech = make_batch(audio.contiguous());
  batch.seconds = static_cast<double>(audio.numel()) / 16000;
  return batch;
}

// The sum of the gradients of batches, one after the other in step 2.
inline at::Tensor step_gradient(Learner& learner, const std::vector<at::Tensor>& audio) {
  const auto alone = single_process_communicator();
  Gradients gradients(learner.parameters());
  GradientReducer reducer(*alone, learner.parameters(), gradients);
  for (const at::Tensor& each : audio) learner.learn(batch_of(each), 2, reducer);
  reducer.finish();
  return gradients.flat.clone();
}

}  // namespace concertina::testing
