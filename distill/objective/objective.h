// What is compared and how. An Objective declares what it needs of student and teacher, so that the
// engine computes just that; it owns training-only parameters (heads), which slice with the
// student's width and are never exported.
//
//   at::Tensor target = objective.teacher_target(encode(teacher, batch,
//   *objective.teacher_wants())); LossBreakdown loss = objective.loss({encode(student, batch,
//   objective.student_wants(depth)), heads, target, mask});
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
  at::Tensor prediction;  // detached; a target for smaller subnets (in-place distillation).
                          // Undefined: not offered
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

  // Nothing when the target does not come from a teacher. The teacher stops at the last layer
  // wanted.
  virtual std::optional<WantedOutputs> teacher_wants() const { return std::nullopt; }
  // A bug unless teacher_wants().
  virtual at::Tensor teacher_target(const EncoderOutput& teacher) const;

  virtual std::string to_json() const = 0;  // make_objective() of it gives the same objective
};

std::unique_ptr<Objective> make_objective(const std::string& json);  // InputError

// Loss of one batch for a sliced subnet, without gradients. `heads` at full width.
LossBreakdown measure(const Objective& objective, const TensorMap& heads, const Subnet& student,
                      const SpeechBatch& batch, const at::Tensor& target);
// The teacher's target of a batch, without gradients.
at::Tensor target_of(const Objective& objective, const Subnet& teacher, const SpeechBatch& batch);

// A Linear layer of a head as slices: [out, embed] weight and [out] bias.
std::vector<TensorSlice> head_slices(const std::string& name, int64_t out, int64_t embed_dim);
at::Tensor apply_head(const TensorMap& heads, const std::string& name, const at::Tensor& x);

// Mean of values [B, T] where `where` [B, T] is true; 0 when that is nowhere.
at::Tensor mean_where(const at::Tensor& values, const at::Tensor& where);

}  // namespace concertina
