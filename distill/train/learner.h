// What is trained and how one step's gradients come about: the student's parameters and the
// objective's heads in one flat buffer, the teacher, the sampler. Each subnet's backward runs right
// after its forward. Subnets of a step with the same conv channels share one pass through the front
// end: their gradients meet at its output and go back through it once. Not thread-safe.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "distill/data/crops.h"
#include "distill/objective/loss_values.h"
#include "distill/objective/objective.h"
#include "distill/train/gradient_exchange.h"
#include "distill/train/sampler.h"
#include "supernet/model/parameters.h"
#include "supernet/model/supernet.h"

namespace concertina {

// The mean loss of a step's subnets. Terms: their losses by role where there are several, else the
// objective's own.
struct StepLoss : LossBreakdown {
  bool by_role = false;
};

class Learner {
 public:
  struct Setup {
    Supernet student;
    std::unique_ptr<Objective> objective;
    std::vector<Parameters::Init> heads;  // the objective's parameters as they start
    std::unique_ptr<SubnetSampler> sampler;
    std::optional<Supernet> teacher;  // its largest architecture teaches; none for unit prediction
    bool in_place = false;  // later subnets of a step learn from the first one's prediction
    at::ScalarType dtype = at::kFloat;
    at::Device device = at::kCPU;
  };
  explicit Learner(Setup setup);

  // Adds the mean gradient over the step's subnets times `weight`; it is whole after the exchange's
  // finish().
  // A loss that is not finite comes back as it is. On another device than the CPU the numbers are
  // still to be computed when this returns: nothing here waits for them.
  StepLoss learn(const Crops& crops, int64_t step, GradientExchange& exchange, double weight = 1);
  // Without gradients; one value an architecture.
  std::vector<LossValues> evaluate(const Crops& crops,
                                   const std::vector<Architecture>& architectures);

  const Parameters& parameters() const { return parameters_; }
  at::Device device() const { return setup_.device; }
  const SearchSpace& space() const { return setup_.student.space(); }
  const SubnetSampler& sampler() const { return *setup_.sampler; }
  const Objective& objective() const { return *setup_.objective; }
  // A copy of the weights as they are now, on the CPU.
  Supernet student(std::string provenance) const;
  TensorMap heads() const;  // likewise

 private:
  struct FrontEnd;  // leaves and output of the front end for one list of conv channels
  struct Bound;     // one architecture's leaves and what they are made into
  FrontEnd bind_front_end(const std::vector<Architecture>& architectures,
                          const std::vector<size_t>& group) const;
  Bound bind(const Architecture& architecture, std::vector<TensorSlice> slices,
             const FrontEnd& front) const;  // slices: encoder_slices(architecture)
  LossBreakdown loss_of(const Bound& bound, const SpeechBatch& batch, FrontEnd& front,
                        const at::Tensor& target) const;
  std::vector<TensorSlice> front_end_slices(const Architecture& architecture) const;
  std::vector<TensorSlice> encoder_slices(const Architecture& architecture) const;  // and heads
  void expect(const std::vector<TensorSlice>& slices, GradientExchange& exchange) const;
  at::Tensor target(const Crops& crops, const SpeechBatch& batch) const;

  Setup setup_;
  Parameters parameters_;
  std::optional<Subnet> teacher_;
};

}  // namespace concertina
