// The model in training and the gradients of one step: the student's parameters and the objective's
// prediction heads in one flat buffer, the teachers, the sampler, the objective's state. Each
// subnet's backward runs right after its forward. Subnets of a step with the same conv channels share
// one pass through the front end (distill/train/shared_front_end.h). Not thread-safe.
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "distill/data/batch_source.h"
#include "distill/objective/loss_values.h"
#include "distill/objective/objective.h"
#include "distill/train/drop_masked.h"
#include "distill/train/gradient_reducer.h"
#include "distill/train/live_teachers.h"
#include "distill/train/sampler.h"
#include "distill/train/shared_front_end.h"
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
    std::vector<Supernet> teachers;  // their largest architectures; none for unit prediction
    // Of teachers that change over the steps, by their position; they are read when they are needed.
    std::map<size_t, SnapshotSchedule> snapshots = {};
    // Weight of the first subnet's own rows in the goal of a step's later ones; 0: all learn from the
    // teachers.
    double in_place = 0;
    RateScales rate_scales = {};
    RegularizationOptions regularization = {};
    bool recompute_layers = false;               // activation checkpointing
    bool masked_only = false;                    // losses are over masked frames
    DropMasked drop_masked = DropMasked::kNone;  // in training; losses are over the other frames
    // A control of experiments: in training each row of a batch has the teacher's rows, and units, of the
    // row before it. Batches then have at least two rows.
    bool rows_of_other_clips = false;
    int32_t rank = 0;  // of this process: its rows follow those of the ranks before
    // Equal parts of a batch that are trained on concurrently, with one thread each (CPU, one process):
    // where the objective is a mean over clips, and nothing else depends on the batch.
    int32_t parts = 1;
    at::ScalarType dtype = at::kFloat;
    at::Device device = at::kCPU;
    // Training batches of all processes, from which the objective's first state is computed where no
    // checkpoint has it; null where it needs none. Masks in them are not used.
    std::shared_ptr<const BatchSource> statistics = {};
    int64_t steps = 0;  // of the stage, for schedules; 0: they are at their end
    Rng rng = Rng();    // of the objective's draws, and of dropout
  };
  explicit Learner(Setup setup);  // InputError when every parameter is frozen

  // Accumulates the mean gradient over the step's subnets times `weight`; it is complete after the
  // reducer's finish(). A non-finite loss is returned as it is. On another device than the CPU the
  // values are still being computed when this returns: nothing here waits for them.
  StepLoss learn(const TrainingBatch& batch, int64_t step, GradientReducer& reducer,
                 double weight = 1);
  // Without gradients; one loss for each architecture.
  std::vector<LossValues> evaluate(const TrainingBatch& batch,
                                   const std::vector<Architecture>& architectures);

  // What next_state() of the objective needs of the batch of the last learn(), of this process.
  const TensorMap& observed() const { return observed_; }
  // The state after that step, from `observed` of all processes; it stays where `good` (0-d bool) is
  // false.
  void update_state(const TensorMap& observed, const at::Tensor& good);
  const TensorMap& state();  // on the learner's device
  void set_state(const TensorMap& state);

  const Parameters& parameters() const { return parameters_; }
  at::Device device() const { return setup_.device; }
  const SearchSpace& space() const { return setup_.student.space(); }
  const SubnetSampler& sampler() const { return *setup_.sampler; }
  const Objective& objective() const { return *setup_.objective; }
  // Copies of the current weights, on the CPU.
  Supernet student(std::string provenance) const;
  TensorMap heads() const;

 private:
  struct Student;  // one architecture's leaves and the subnet made of them
  struct Draw;     // the subnets of a step
  struct Part;     // of a batch
  Draw draw_for(int64_t step) const;
  std::vector<TrainingBatch> parts_of(const TrainingBatch& batch) const;
  // Accumulates into `gradients`; concurrent calls have gradients of their own.
  StepLoss learn_part(Part& part, const Draw& draw, int64_t step, Gradients& gradients,
                      double weight, const Leaves::Added& ready) const;
  SharedFrontEnd make_front_end(const std::vector<Architecture>& architectures,
                                const std::vector<size_t>& group) const;
  // slices: encoder_slices(architecture)
  Student make_student(const Architecture& architecture, std::vector<TensorSlice> slices,
                       const SharedFrontEnd& front) const;
  LossBreakdown loss_of(const Student& student, const SpeechBatch& batch, SharedFrontEnd& front,
                        const TensorMap& goal, const StepData& step,
                        const TrainingPass& pass) const;
  TrainingPass training_pass(int64_t step, size_t subnet, int64_t rows) const;
  // Those of the slices that are not trained, of the student's weights.
  TensorMap untrained(const std::vector<TensorSlice>& slices) const;
  std::vector<TensorSlice> front_end_slices(const Architecture& architecture) const;
  std::vector<TensorSlice> encoder_slices(const Architecture& architecture) const;  // and heads
  void expect_slices(const std::vector<TensorSlice>& slices, GradientReducer& reducer) const;
  Rows rows_for(const TrainingBatch& batch) const;
  Rows training_rows(const TrainingBatch& batch) const;  // of other clips, where asked
  void observe(const TensorMap& goal, const StepData& step);
  StepData step_data(const TrainingBatch& batch, std::optional<double> progress, const Rng& rng);

  Setup setup_;
  Parameters parameters_;
  LiveTeachers teachers_;
  std::optional<TensorMap> state_;  // nothing before it is first needed
  TensorMap observed_;
  StepData observed_step_;
  std::vector<Gradients> more_gradients_;  // of all parts of a batch but the first
  int64_t step_ = -1, batch_of_step_ = 0;  // of the last learn()
};

}  // namespace concertina
