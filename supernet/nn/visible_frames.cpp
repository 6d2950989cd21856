#include "supernet/nn/visible_frames.h"

#include <algorithm>
#include <vector>

#include "supernet/nn/ops.h"
#include "supernet/space/frames.h"

namespace concertina {
namespace {

constexpr int64_t kRowFrames = 32;  // short rows: oneDNN's weight gradients stay in cache

// Packs runs of frames into rows of blocks.
class RowPacker {
 public:
  explicit RowPacker(const StackParts& parts)
      : parts_(parts), width_(kRowFrames * parts.frame_blocks + parts.context) {}

  // Frames [begin, end) of a clip whose first block is `first_block` and first frame `first_frame`.
  void add(int64_t begin, int64_t end, int64_t first_block, int64_t first_frame) {
    while (begin < end) {
      const int64_t free =
          std::max<int64_t>(0, (width_ - used_ - parts_.context) / parts_.frame_blocks);
      if (free == 0) {
        next_row();
        continue;
      }
      const int64_t count = std::min(free, end - begin), own = count * parts_.frame_blocks;
      const int64_t block = first_block + begin * parts_.frame_blocks;
      for (int64_t k = 0; k < own + parts_.context; ++k) blocks_.push_back(block + k);
      const int64_t result = rows_ * (width_ - parts_.context) + used_;
      for (int64_t k = 0; k < own; ++k) picks_.push_back(result + k);
      for (int64_t k = 0; k < count; ++k) frames_.push_back(first_frame + begin + k);
      used_ += own + parts_.context;
      begin += count;
    }
  }

  bool empty() const { return frames_.empty(); }

  VisibleFrames finish(int64_t row_blocks) {
    next_row();
    picks_.resize(static_cast<size_t>(rows_ * kRowFrames * parts_.frame_blocks), 0);
    const auto tensor = [](const std::vector<int64_t>& v) { return at::tensor(v, at::kLong); };
    return {tensor(blocks_), tensor(picks_), tensor(frames_), rows_, row_blocks};
  }

 private:
  void next_row() {
    ++rows_;
    used_ = 0;
    blocks_.resize(static_cast<size_t>(rows_ * width_), 0);
  }

  const StackParts parts_;
  const int64_t width_;
  int64_t rows_ = 0, used_ = 0;  // full rows; blocks in the current one
  std::vector<int64_t> blocks_, picks_, frames_;
};

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

StackParts parts_of(const WaveFrontEnd& wave) {
  StackParts parts;
  parts.whole = wave.norm == ExtractorNorm::kGroup ? 1 : 0;
  parts.overlapping = wave.layers.size();
  while (parts.overlapping > parts.whole) {
    const ConvLayer& last = wave.layers[parts.overlapping - 1];
    if (last.kernel > last.stride) break;
    parts.frame_blocks *= last.stride;
    --parts.overlapping;
  }
  int64_t reach = 1;  // inputs of one result
  for (size_t i = parts.whole; i < parts.overlapping; ++i) {
    reach += (wave.layers[i].kernel - 1) * parts.hop;
    parts.hop *= wave.layers[i].stride;
  }
  parts.context = std::max<int64_t>(0, ceil_div(reach, parts.hop) - 1);
  return parts;
}

std::optional<VisibleFrames> visible_frames(const Blueprint& blueprint, const at::Tensor& lengths,
                                            int64_t samples, const at::Tensor& mask) {
  if (blueprint.front_end != FrontEndKind::kWave) return std::nullopt;
  const StackParts parts = parts_of(blueprint.wave);
  const int64_t frames = blueprint.frames(samples);
  const int64_t row_blocks =
      std::max(frames * parts.frame_blocks + parts.context,
               ceil_div(conv_outputs(blueprint.wave, parts.whole, samples), parts.hop));
  RowPacker rows(parts);
  for (int64_t b = 0; b < lengths.size(0); ++b) {
    const int64_t valid = blueprint.frames(lengths.const_data_ptr<int64_t>()[b]);
    const bool* masked = mask.defined() ? mask.const_data_ptr<bool>() + b * mask.size(1) : nullptr;
    const auto visible = [&](int64_t t) { return masked == nullptr || !masked[t]; };
    for (int64_t begin = 0, end = 0; begin < valid; begin = end + 1) {
      for (end = begin; end < valid && visible(end);) ++end;
      rows.add(begin, end, b * row_blocks, b * frames);
    }
  }
  if (rows.empty()) rows.add(0, 1, 0, 0);
  return rows.finish(row_blocks);
}

}  // namespace concertina
