// ATen's small matrix products (oneDNN's brgemm), for loops that run many on one thread.
#pragma once

#include <ATen/native/CPUBlas.h>

#include <cstdint>

namespace concertina {

// a [m, k] with rows stride_a >= k apart, b [k, n], c [m, n].
struct BrgemmSizes {
  int64_t m, n, k, stride_a, stride_b, stride_c;
};

// c += a b, or c = a b where not `add`. b of bf16 in pairs of its rows, [k / 2, n] words, k even,
// and only where brgemm_takes_bf16(). A kernel is compiled and cached for each thread and size: use
// few sizes.
template <class T>
inline void brgemm_add(const BrgemmSizes& s, const T* a, const T* b, float* c, bool add = true) {
  at::native::cpublas::brgemm(s.m, s.n, s.k, s.stride_a, s.stride_b, s.stride_c, add, a, b, c,
                              /*is_vnni=*/sizeof(T) < sizeof(float));
}

// Each thread, after its last product.
inline void brgemm_done() { at::native::cpublas::brgemm_release(); }

// Whether bf16 products in this layout work here: tested once per process, on small matrices. The
// CPU's features do not tell, since oneDNN's instruction sets can be capped. Thread-safe.
bool brgemm_takes_bf16();

}  // namespace concertina
