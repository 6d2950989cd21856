// Memory of activations that are cheaper to compute again than to keep.
#pragma once

#include <ATen/ATen.h>

#include <functional>

namespace concertina {

// Computes a result again: same values, same layout. Empty: it has to be kept.
using Again = std::function<at::Tensor()>;

// Frees the memory of `y` until the backward pass of `z`, which computes it `again`. Whatever was
// computed from y runs its backward pass after that of z or is z, and nobody reads y in between.
// Without effect where z has no backward pass, `again` is empty, or on other devices than the CPU.
void recompute_for_backward(const at::Tensor& y, const at::Tensor& z, Again again);

}  // namespace concertina
