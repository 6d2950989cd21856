#include "distill/importance/taylor_scores.h"

#include <cmath>

#include "core/errors.h"

namespace concertina {
namespace {

// Adds the sum of weight * gradient of each unit of every group that `tensor` reads.
void add_products(const Blueprint& blueprint, const std::string& name, const at::Tensor& tensor,
                  std::map<UnitGroup, at::Tensor>& sums) {
  const at::Tensor product = (tensor * tensor.grad()).detach().to(at::kDouble);
  for (const UnitAxis& axis : unit_axes(blueprint, name)) {
    if (!axis.reads || axis.within_group) continue;
    at::Tensor& sum = sums.at(axis.group);
    sum += product.transpose(0, axis.dim).reshape({sum.size(0), -1}).sum(1);
  }
}

}  // namespace

UnitScores taylor_scores(const Supernet& model, const TrainedObjective& trained,
                         const Supernet& teacher, std::span<const SpeechBatch> batches) {
  CONCERTINA_ASSERT(!batches.empty());
  const Blueprint& blueprint = model.blueprint();
  const Architecture whole = model.space().whole();
  const Subnet target_net = teacher.slice(teacher.space().largest());
  const TensorMap heads = slice_tensors(trained.heads, trained.objective->slices(whole));
  TensorMap leaves;
  for (const auto& [name, tensor] : model.weights()) leaves[name] = tensor.clone().requires_grad_();
  const auto slices = tensor_slices(blueprint, model.storage(), whole);

  UnitScores scores = magnitude_scores(model);
  for (auto& [group, values] : scores) {
    if (group.kind != UnitKind::kRate) values.assign(values.size(), 0.0);
  }
  for (const SpeechBatch& batch : batches) {
    const StepData step{.valid = valid_frames(blueprint, batch), .state = trained.state};
    const Rows rows =
        teacher_rows(trained.objective->needs().rows, {&target_net, 1}, blueprint, batch);
    const TensorMap goal = goal_of(*trained.objective, rows, step);
    const Subnet student = make_subnet(blueprint, whole, slice_tensors(leaves, slices));
    const EncoderOutput output = encode(student, batch, trained.objective->student_wants(whole));
    trained.objective->loss({output, whole, heads, goal, step}).total.backward();
    std::map<UnitGroup, at::Tensor> sums;
    for (const auto& [group, values] : scores) {
      sums[group] = at::zeros({static_cast<int64_t>(values.size())}, at::kDouble);
    }
    for (auto& [name, tensor] : leaves) {
      if (!tensor.grad().defined()) continue;
      add_products(blueprint, name, tensor, sums);
      tensor.mutable_grad().reset();
    }
    for (const auto& [group, sum] : sums) {
      if (group.kind == UnitKind::kRate) continue;
      for (size_t i = 0; i < scores.at(group).size(); ++i) {
        scores.at(group)[i] += std::abs(sum[static_cast<int64_t>(i)].item<double>());
      }
    }
  }
  return scores;
}

}  // namespace concertina
