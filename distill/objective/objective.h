// Training objectives. An Objective declares the teacher rows that it needs and the outputs that it
// takes of the student, so that only those are computed; it turns rows into a goal once a step, and
// gives a loss for each subnet. It owns training-only parameters (prediction heads), which slice with the
// student's width and are never exported, and may have state: tensors that no gradient trains.
//
//   const Rows rows = teacher_rows(objective.needs().rows, teachers, batch);
//   const TensorMap goal = goal_of(objective, rows, step);
//   const EncoderOutput output = encode(student, batch, objective.student_wants(architecture));
//   LossBreakdown loss = objective.loss({output, architecture, heads, goal, step});
//
// Objectives hold no tensors and are immutable: thread-safe. Every mean is taken over valid base
// (20 ms) frames. docs/training.md says how to write one.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "distill/objective/rows.h"
#include "supernet/model/forward.h"
#include "supernet/model/parameters.h"

namespace concertina {

// What has to be there for a batch, in validation too.
struct Needs {
  std::vector<Row> rows;
  bool mask = false;   // of the student's input
  bool units = false;  // labels of the frames
};

// What all subnets of a step share, in addition to the goal. Tensors are on the student's device.
struct StepData {
  at::Tensor valid = {};  // [B, T] bool base frames; undefined: not known
  at::Tensor mask = {};   // [B, T] bool base frames hidden from the student; undefined: none
  at::Tensor units = {};  // [B, T] int64; undefined: none
  // [B] int64: where each row begins in the training audio, in base frames; undefined outside training.
  at::Tensor first = {};
  // Share of the stage's steps that are done, for schedules. Nothing outside training: losses there
  // are comparable over the whole run.
  std::optional<double> progress = {};
  Rng rng = Rng();       // of this step
  TensorMap state = {};  // of the objective
};

struct LossBreakdown {
  at::Tensor total;                                       // 0-d fp32, differentiable
  std::vector<std::pair<std::string, at::Tensor>> terms;  // 0-d fp32, detached
  // For in-place distillation, detached; both empty: not available. The student's own values of rows
  // that the objective needs, from which the goal of smaller subnets is made,
  Rows rows;
  // and of entries of the goal, where rows of the student's width would not fit.
  TensorMap goal;
  TensorMap
      assistant;  // what smaller subnets of the step learn from, with assisted_goal(); detached
};

struct LossInput {
  const EncoderOutput& student;
  const Architecture& architecture;  // the student's
  const TensorMap& heads;            // the objective's parameters, sliced for the architecture
  const TensorMap& goal;
  const StepData& step;
};

// Teacher rows of a part of the training audio, for statistics.
struct RowBatch {
  Rows rows;
  at::Tensor valid;  // [B, T] bool
};
using RowSampler = std::function<RowBatch(int64_t batch)>;  // any batch >= 0

class Objective {
 public:
  virtual ~Objective() = default;

  virtual Needs needs() const = 0;
  virtual WantedOutputs student_wants(const Architecture& student) const = 0;
  virtual LossBreakdown loss(const LossInput& input) const = 0;

  // Trained with the student, at full width, and the parts of them that a student has.
  virtual std::vector<Parameters::Init> parameters(const Rng& rng) const;
  virtual std::vector<TensorSlice> slices(const Architecture& student) const;

  // The same for all subnets of a step, called without gradients: by default the rows. They are 0 in
  // invalid frames and not longer than step.valid (goal_of).
  virtual TensorMap goal(const Rows& rows, const StepData& step) const;
  // The goal of a step's smaller subnets with in-place distillation: `weight` of what the loss of the
  // first subnet gave, 1 - weight of the teacher's. By default both rows and goal are blended().
  virtual TensorMap in_place_goal(const Rows& teacher, const LossBreakdown& first, double weight,
                                  const StepData& step) const;

  // Whether smaller subnets of a step learn from larger ones, which then are trained first.
  virtual bool has_assistants() const { return false; }
  // The goal of subnets that are smaller than one whose loss gave `assistant`; called for each larger one, the
  // largest first.
  virtual TensorMap assisted_goal(const TensorMap& goal, const TensorMap& assistant) const;

  // State, by name, before the first step. `sample` runs the teachers where there is no cache, and
  // gives the same batches in every process.
  virtual TensorMap initial_state(const RowSampler& sample, const Rng& rng) const;
  // What next_state() needs of a step's batch, from the goal with all assistants: tensors [n, ..] whose rows, of all processes one after
  // the other, it is called with. Empty: the state does not change.
  virtual TensorMap observed(const TensorMap& goal, const StepData& step) const;
  // All tensors of the state after a step. It is dropped where the step is refused.
  virtual TensorMap next_state(const TensorMap& observed, const StepData& step) const;

  // True where the loss is a mean over valid frames of values that depend on their own clip alone: the
  // loss of a batch of equally long clips is then the mean of those of equal parts of it.
  virtual bool is_mean_over_clips() const { return false; }

  virtual std::string to_json() const = 0;  // make_objective() of it gives the same objective
};

// Rows that are 0 in the frames that `valid` [B, T] excludes, whatever they had there, NaN too, and not
// longer; as they are where it is undefined.
Rows valid_rows(const Rows& rows, const at::Tensor& valid);

// Without gradients. Whatever a row has in frames that step.valid excludes, NaN too, is not read.
TensorMap goal_of(const Objective& objective, const Rows& rows, const StepData& step = {});

// Adds the outputs that `other` wants; both for the same subnet.
void merge(WantedOutputs& wants, const WantedOutputs& other);

// Rows that are `weight` * own + (1 - weight) * teacher's where `own` has them, cut to the shorter
// of both; exactly `own` for weight 1.
Rows blended(Rows teacher, const Rows& own, double weight);

// x [B, T', E] of the student, 0 in invalid frames.
at::Tensor valid_only(const Frames& frames, const at::Tensor& x);

// Mean of values [B, T], or [B, T, T], where `where` of the same shape is true; 0 when that is nowhere.
// Other values are not read; their gradient is 0.
at::Tensor mean_where(const at::Tensor& values, const at::Tensor& where);

}  // namespace concertina
