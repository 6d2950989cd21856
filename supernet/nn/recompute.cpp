#include "supernet/nn/recompute.h"

#include <ATen/core/grad_mode.h>

#include <memory>
#include <utility>

namespace concertina {

void recompute_for_backward(const at::Tensor& y, const at::Tensor& z, Recompute recompute) {
  if (!y.is_cpu() || !z.requires_grad() || !recompute) return;
  struct Freed {
    c10::Storage storage;  // what backward saved is a view of it
    Recompute recompute;
  };
  const auto freed = std::make_shared<Freed>(Freed{y.storage(), std::move(recompute)});
  freed->storage.set_data_ptr_noswap(c10::DataPtr(nullptr, y.device()));
  z.register_hook([freed](const at::Tensor& /*gradient*/) {
    if (!freed->recompute) return;  // a second pass finds what the first one left
    const at::NoGradGuard no_grad;
    const at::Tensor fresh = freed->recompute();
    freed->storage.set_data_ptr_noswap(
        fresh.storage().set_data_ptr(c10::DataPtr(nullptr, fresh.device())));
    *freed = {};  // the graph may live on
  });
}

}  // namespace concertina
