// The model in training and the gradients of one step: the student's parameters and the objective's
// prediction heads in one flat buffer, the teacher, the sampler. Each subnet's backward runs right
// after its forward. Subnets of a step with the same conv channels share one pass through the front
// end: their gradients are summed at its output and back-propagated through it once. Not
// thread-safe.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "distill/data/batch_source.h"
#include "distill/objective/loss_values.h"
#include "distill/objective/objective.h"
#include "distill/train/gradient_reducer.h"
#include "distill/train/sampler.h"
#include "supernet/model/parameters.h"
#include "supernet/model/supernet.h"

namespace concertina {

// The mean loss of a step's subnets. Terms: the loss of each subnet by its role where a step
// has several, else the objective's own terms.
struct StepLoss : LossBreakdown {
  bool by_role = false;
};

class Learner {
 public:
  struct Setup {
    Supernet student;
    std::unique_ptr<Objective> objective;
    std::vector<Parameters::Init> heads;  // initial values of the objective's parameters
    std::unique_ptr<SubnetSampler> sampler;
    std::optional<Supernet> teacher;  // its largest architecture is used; none for unit prediction
    bool in_place = false;  // the first subnet's prediction is the target of a step's later ones
    at::ScalarType dtype = at::kFloat;
    at::Device device = at::kCPU;
  };
  explicit Learner(Setup setup);

  // Accumulates the mean gradient over the step's subnets times `weight`; it is complete after the
  // reducer's finish(). A non-finite loss is returned as it is. On another device than the CPU the
  // values are still being computed when this returns: nothing here waits for them.
  StepLoss learn(const TrainingBatch& batch, int64_t step, GradientReducer& reducer,
                 double weight = 1);
  // Without gradients; one loss for each architecture.
  std::vector<LossValues> evaluate(const TrainingBatch& batch,
                                   const std::vector<Architecture>& architectures);

  const Parameters& parameters() const { return parameters_; }
  at::Device device() const { return setup_.device; }
  const SearchSpace& space() const { return setup_.student.space(); }
  const SubnetSampler& sampler() const { return *setup_.sampler; }
  const Objective& objective() const { return *setup_.objective; }
  // Copies of the current weights, on the CPU.
  Supernet student(std::string provenance) const;
  TensorMap heads() const;

 private:
  struct FrontEnd;  // leaves and output of the front end for one list of conv channels
  struct Student;   // one architecture's leaves and the subnet made of them
  FrontEnd make_front_end(const std::vector<Architecture>& architectures,
                          const std::vector<size_t>& group) const;
  // slices: encoder_slices(architecture)
  Student make_student(const Architecture& architecture, std::vector<TensorSlice> slices,
                       const FrontEnd& front) const;
  LossBreakdown loss_of(const Student& student, const SpeechBatch& batch, FrontEnd& front,
                        const at::Tensor& target) const;
  // Those of the slices that are not trained, of the student's weights.
  TensorMap untrained(const std::vector<TensorSlice>& slices) const;
  std::vector<TensorSlice> front_end_slices(const Architecture& architecture) const;
  std::vector<TensorSlice> encoder_slices(const Architecture& architecture) const;  // and heads
  void expect_slices(const std::vector<TensorSlice>& slices, GradientReducer& reducer) const;
  at::Tensor target_for(const TrainingBatch& batch) const;

  Setup setup_;
  Parameters parameters_;
  std::optional<Subnet> teacher_;
};

}  // namespace concertina
