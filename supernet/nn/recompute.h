// Activation recomputation (gradient checkpointing) of single tensors.
#pragma once

#include <ATen/ATen.h>

#include <functional>

namespace concertina {

// Computes an activation a second time: same values, same layout. Empty: it has to be kept.
using Recompute = std::function<at::Tensor()>;

// Frees the memory of `y` until the backward pass of `z`, which calls `recompute`. Whatever was
// computed from y runs its backward pass after that of z or is z, and nothing reads y in between.
// No effect where z has no backward pass, `recompute` is empty, or on other devices than the CPU.
void recompute_for_backward(const at::Tensor& y, const at::Tensor& z, Recompute recompute);

}  // namespace concertina
