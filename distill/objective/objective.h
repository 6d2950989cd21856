// Training objectives. An Objective declares the outputs that it needs of student and teacher, so
// that only those are computed; it owns training-only parameters (prediction heads), which slice
// with the student's width and are never exported.
//
//   const EncoderOutput taught = encode(teacher, batch, *objective.teacher_wants());
//   const EncoderOutput output = encode(student, batch, objective.student_wants(depth));
//   LossBreakdown loss =
//       objective.loss({output, heads, objective.teacher_target(taught), batch.mask});
//
// Objectives hold no tensors and are immutable: thread-safe. Every mean is taken over valid base
// (20 ms) frames.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "supernet/model/forward.h"
#include "supernet/model/parameters.h"

namespace concertina {

struct LossBreakdown {
  at::Tensor total;                                       // 0-d fp32, differentiable
  std::vector<std::pair<std::string, at::Tensor>> terms;  // 0-d fp32, detached
  // Detached; the target of smaller subnets in in-place distillation. Undefined: not available.
  at::Tensor prediction;
};

struct LossInput {
  const EncoderOutput& student;
  const TensorMap& heads;    // the objective's parameters, sliced for the student's architecture
  const at::Tensor& target;  // [B, T, D] fp32 features or [B, T] int64 units
  at::Tensor mask = {};      // [B, T] bool base frames hidden from the student; undefined: none
};

class Objective {
 public:
  virtual ~Objective() = default;

  virtual std::vector<Parameters::Init> parameters(const Rng& rng) const = 0;  // at full width
  virtual std::vector<TensorSlice> slices(const Architecture& student) const = 0;
  virtual WantedOutputs student_wants(int32_t depth) const = 0;
  virtual LossBreakdown loss(const LossInput& input) const = 0;

  // Nothing when the target does not come from a teacher. The teacher runs up to the last layer
  // wanted.
  virtual std::optional<WantedOutputs> teacher_wants() const { return std::nullopt; }
  // Only with teacher_wants().
  virtual at::Tensor teacher_target(const EncoderOutput& teacher) const;

  virtual std::string to_json() const = 0;  // make_objective() of it gives the same objective
};

std::unique_ptr<Objective> make_objective(const std::string& json);  // InputError

// The teacher's target of a batch, without gradients.
at::Tensor target_of(const Objective& objective, const Subnet& teacher, const SpeechBatch& batch);

// Mean of values [B, T] where `where` [B, T] is true; 0 when that is nowhere.
at::Tensor mean_where(const at::Tensor& values, const at::Tensor& where);

}  // namespace concertina
