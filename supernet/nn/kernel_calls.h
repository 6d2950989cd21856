// Calls of the loops of *_kernels.h with tensors. Private to this module.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "supernet/nn/wide.h"

#if AT_PARALLEL_OPENMP && !defined(_OPENMP)
#error "at::parallel_for would run on one thread: compile with OpenMP (cmake/FindTorch.cmake)"
#endif

namespace concertina {

inline constexpr int64_t kElementsOfWork = 16384;  // grain size of parallel loops

// Grain size in rows of `width` elements.
inline int64_t rows_of_work(int64_t width) { return std::max<int64_t>(1, kElementsOfWork / width); }

inline bool has_kernel(const at::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

// Calls body with a null pointer of the kernels' element type for x.
template <class Body>
void with_element(const at::Tensor& x, Body body) {
  if (x.scalar_type() == at::kFloat) {
    body(static_cast<float*>(nullptr));
  } else {
    body(static_cast<kernels::bf16_bits*>(nullptr));
  }
}

template <class T>
T* data(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

// What backward writes dx into: the memory of dy where nothing else refers to it.
inline at::Tensor memory_for_gradient(const at::Tensor& dy, const at::Tensor& x) {
  const bool free = dy.use_count() == 1 && dy.storage().use_count() == 1 && dy.is_contiguous() &&
                    dy.scalar_type() == x.scalar_type() && dy.sizes() == x.sizes();
  return free ? dy : at::empty_like(x);
}

}  // namespace concertina
