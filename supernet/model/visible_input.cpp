#include "supernet/model/visible_input.h"

#include <algorithm>

namespace concertina {
namespace {

// [B, T, T']: which frame stands for which base frame.
at::Tensor back_map_of(const Frames& frames) {
  if (frames.back_map.defined()) return frames.back_map;
  const int64_t batch = frames.x.size(0), length = frames.x.size(1);
  return at::eye(length, frames.x.options().dtype(at::kFloat)).expand({batch, length, length});
}

bool has_window(const Architecture& architecture) {
  return std::ranges::any_of(architecture.layers(),
                             [](const LayerShape& layer) { return layer.window > 0; });
}

}  // namespace

Frames drop_masked(Frames frames, const at::Tensor& mask) {
  if (!mask.defined()) return frames;
  const at::Tensor back = back_map_of(frames);
  const at::Tensor visible = mask.narrow(1, 0, back.size(1)).logical_not();
  at::Tensor kept = (back * visible.unsqueeze(2)).sum(1) > 0;  // [B, T']
  if (frames.valid.defined()) kept = kept.logical_and(frames.valid);
  const at::Tensor counts = kept.sum(1);
  const int64_t most = std::max<int64_t>(1, counts.max().item<int64_t>());
  // Kept frames first, in their order.
  const at::Tensor index =
      at::argsort(kept.logical_not().to(at::kInt), /*stable=*/true, 1, false).narrow(1, 0, most);
  frames.valid = at::arange(most, counts.options()).unsqueeze(0) < counts.unsqueeze(1);
  frames.x = frames.x.gather(1, index.unsqueeze(2).expand({-1, -1, frames.x.size(2)}));
  frames.back_map = back.gather(2, index.unsqueeze(1).expand({-1, back.size(1), -1})) *
                    visible.unsqueeze(2) * frames.valid.unsqueeze(1);
  frames.attention_mask = frames.valid.unsqueeze(1).unsqueeze(1);
  frames.lengths = counts.to(at::kCPU);
  frames.loss_mask = visible;
  return frames;
}

std::string drop_masked_problem(const SearchSpace& space) {
  if (space.blueprint().relative_position.buckets > 0)
    return "expected a model without position bias in attention";
  const auto& windows = space.choices().window;
  const bool windowed = space.only_member()
                            ? has_window(*space.only_member())
                            : std::ranges::any_of(windows, [](int32_t w) { return w > 0; });
  return windowed ? "expected a model without windows of attention" : "";
}

}  // namespace concertina
