#include "supernet/nn/attention.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "supernet/nn/attention_kernels.h"
#include "supernet/nn/brgemm.h"
#include "supernet/nn/kernel_calls.h"
#include "supernet/nn/kernel_check.h"

namespace concertina {

at::Tensor by_heads(const at::Tensor& x, int64_t heads) {
  return x.unflatten(2, {heads, -1}).transpose(1, 2);
}

namespace {

using kernels::bf16_bits;
using kernels::bf16_pair;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr int64_t kKeyBlock = 32;            // keys are padded to whole blocks
constexpr int64_t kBlockScores = 64 * 1024;  // of a block of rows: 256 KiB, within a core's cache
constexpr int64_t kMinRows = 16, kMaxRows = 128;  // of a block
constexpr int64_t kMinBandRows = 32;              // of a block of a window's band

at::Tensor aten_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          int64_t heads, const at::Tensor& mask) {
  std::optional<at::Tensor> added;
  if (mask.defined()) added = mask.scalar_type() == at::kBool ? mask : mask.to(q.scalar_type());
  return at::scaled_dot_product_attention(by_heads(q, heads), by_heads(k, heads),
                                          by_heads(v, heads), added)
      .transpose(1, 2)
      .flatten(2);
}

// [B or 1, heads or 1, T or 1, K] fp32 that is added to the scores.
at::Tensor additive(const at::Tensor& mask) {
  if (!mask.defined()) return {};
  if (mask.scalar_type() != at::kBool) return mask.to(at::kFloat).contiguous();
  return at::where(mask, 0.0f, -std::numeric_limits<float>::infinity()).to(at::kFloat).contiguous();
}

// The sizes of one call and the offsets of its parts.
struct Layout {
  int64_t batch, heads, frames, keys, width, stride, padded;

  Layout(const at::Tensor& q, const at::Tensor& k, int64_t heads_in)
      : batch(q.size(0)),
        heads(heads_in),
        frames(q.size(1)),
        keys(k.size(1)),
        width(q.size(2) / heads_in),
        stride(q.size(2)),
        padded((keys + kKeyBlock - 1) / kKeyBlock * kKeyBlock) {}

  int64_t parts() const { return batch * heads; }  // one head of one clip each
  int64_t first(int64_t part) const {              // of q
    return part / heads * frames * stride + part % heads * width;
  }
  int64_t first_key(int64_t part) const {
    return part / heads * keys * stride + part % heads * width;
  }
  int64_t rows() const {
    return std::clamp(kBlockScores / padded / kMinRows * kMinRows, kMinRows, kMaxRows);
  }
  int64_t blocks() const { return (frames + rows() - 1) / rows(); }
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(width)); }

  kernels::ScoreBlock block(const at::Tensor& bias, int64_t part, int64_t row) const {
    kernels::ScoreBlock result{std::min(rows(), frames - row), keys, padded, scale()};
    if (bias.defined()) {
      const auto stride_of = [&](int64_t dim) {
        return bias.size(dim) == 1 ? 0 : bias.stride(dim);
      };
      result.bias_stride = stride_of(2);
      result.bias = bias.const_data_ptr<float>() + part / heads * stride_of(0) +
                    part % heads * stride_of(1) + row * stride_of(2);
    }
    return result;
  }
};

template <class T>
std::unique_ptr<T[]> scratch(int64_t count) {
  return std::make_unique_for_overwrite<T[]>(static_cast<size_t>(count));
}

// c [m, n] = (or, where `add`, +=) a [m, k] b, b in pairs of its rows [k / 2, n].
void product(int64_t m, int64_t n, int64_t k, const bf16_bits* a, int64_t stride_a,
             const bf16_pair* b, float* c, bool add = false) {
  brgemm_add({m, n, k, stride_a, n, n}, reinterpret_cast<const at::BFloat16*>(a),
             reinterpret_cast<const at::BFloat16*>(b), c, add);
}

struct Attended {
  at::Tensor y, log_sum;  // as q; [B * heads, T] fp32: log of the sum of exp(score)
};

Attended attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads,
                const at::Tensor& bias) {
  const Layout layout(q, k, heads);
  const int64_t width = layout.width, padded = layout.padded, blocks = layout.blocks();
  Attended result{at::empty_like(q), at::empty({layout.parts(), layout.frames})};
  const int64_t packed = padded * width / 2;
  const auto keys = scratch<bf16_pair>(layout.parts() * packed);
  const auto values = scratch<bf16_pair>(layout.parts() * packed);
  at::parallel_for(0, layout.parts(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t first = layout.first_key(part);
      kernels::pair_columns(data<bf16_bits>(k) + first, layout.stride, layout.keys, width, padded,
                            keys.get() + part * packed);
      kernels::pair_rows(data<bf16_bits>(v) + first, layout.stride, layout.keys, width, padded,
                         values.get() + part * packed);
    }
  });
  at::parallel_for(0, layout.parts() * blocks, 1, [&](int64_t begin, int64_t end) {
    const auto scores = scratch<float>(layout.rows() * padded);
    const auto weights = scratch<bf16_bits>(layout.rows() * padded);
    const auto sums = scratch<float>(layout.rows() * (width + 1));
    float* inverse_sum = sums.get() + layout.rows() * width;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t part = i / blocks, row = i % blocks * layout.rows();
      const int64_t at = layout.first(part) + row * layout.stride;
      const auto block = layout.block(bias, part, row);
      product(block.rows, padded, width, data<bf16_bits>(q) + at, layout.stride,
              keys.get() + part * packed, scores.get());
      kernels::softmax_rows(block, scores.get(), weights.get(), inverse_sum,
                            data<float>(result.log_sum) + part * layout.frames + row);
      product(block.rows, width, padded, weights.get(), padded, values.get() + part * packed,
              sums.get());
      kernels::round_rows(sums.get(), inverse_sum, block.rows, width,
                          data<bf16_bits>(result.y) + at, layout.stride);
    }
    brgemm_done();
  });
  return result;
}

// Gradients of one head of one clip, from blocks of rows: dv' += dy' p, dk' += q' ds, dq = ds k.
class PartGradients {
 public:
  explicit PartGradients(const Layout& layout)
      : layout_(layout),
        padded_rows_((layout.rows() + 1) / 2 * 2),
        keys_(scratch<bf16_pair>(layout.padded * layout.width / 2)),
        values_(scratch<bf16_pair>(layout.padded * layout.width / 2)),
        key_rows_(scratch<bf16_pair>(layout.padded * layout.width / 2)),
        scores_(scratch<float>(layout.rows() * layout.padded)),
        map_gradient_(scratch<float>(layout.rows() * layout.padded)),
        weights_(scratch<bf16_pair>(padded_rows_ / 2 * layout.padded)),
        slopes_(scratch<bf16_pair>(padded_rows_ / 2 * layout.padded)),
        slope_rows_(scratch<bf16_bits>(layout.rows() * layout.padded)),
        turned_(scratch<bf16_bits>(layout.width * padded_rows_)),
        dk_(scratch<float>(layout.width * layout.padded)),
        dv_(scratch<float>(layout.width * layout.padded)),
        sums_(scratch<float>(layout.rows() * (layout.width + 1))) {}

  void run(int64_t part, const tensor_list& saved, const at::Tensor& dy, tensor_list& gradients) {
    const int64_t first = layout_.first_key(part), keys = layout_.keys, width = layout_.width;
    const int64_t stride = layout_.stride, padded = layout_.padded;
    kernels::pair_columns(data<bf16_bits>(saved[1]) + first, stride, keys, width, padded,
                          keys_.get());
    kernels::pair_columns(data<bf16_bits>(saved[2]) + first, stride, keys, width, padded,
                          values_.get());
    kernels::pair_rows(data<bf16_bits>(saved[1]) + first, stride, keys, width, padded,
                       key_rows_.get());
    for (int64_t row = 0; row < layout_.frames; row += layout_.rows())
      run_block(part, row, saved, dy, gradients[0]);
    kernels::round_transposed(dk_.get(), padded, keys, width, data<bf16_bits>(gradients[1]) + first,
                              stride);
    kernels::round_transposed(dv_.get(), padded, keys, width, data<bf16_bits>(gradients[2]) + first,
                              stride);
  }

 private:
  void run_block(int64_t part, int64_t row, const tensor_list& saved, const at::Tensor& dy_all,
                 const at::Tensor& dq) {
    const int64_t width = layout_.width, stride = layout_.stride, padded = layout_.padded;
    const int64_t at = layout_.first(part) + row * stride;
    const bf16_bits *q = data<bf16_bits>(saved[0]) + at, *y = data<bf16_bits>(saved[3]) + at;
    const bf16_bits* dy = data<bf16_bits>(dy_all) + at;
    const auto block = layout_.block(saved[5], part, row);
    const int64_t even = (block.rows + 1) / 2 * 2;
    float* delta = sums_.get() + layout_.rows() * width;
    product(block.rows, padded, width, q, stride, keys_.get(), scores_.get());
    product(block.rows, padded, width, dy, stride, values_.get(), map_gradient_.get());
    kernels::row_products(dy, y, stride, block.rows, width, delta);
    kernels::softmax_backward_rows(block, scores_.get(), map_gradient_.get(),
                                   data<float>(saved[4]) + part * layout_.frames + row, delta,
                                   weights_.get(), slope_rows_.get(), slopes_.get());
    kernels::transpose(dy, stride, block.rows, width, even, turned_.get());
    product(width, padded, even, turned_.get(), even, weights_.get(), dv_.get(), row > 0);
    kernels::transpose(q, stride, block.rows, width, even, turned_.get());
    product(width, padded, even, turned_.get(), even, slopes_.get(), dk_.get(), row > 0);
    product(block.rows, width, padded, slope_rows_.get(), padded, key_rows_.get(), sums_.get());
    kernels::round_rows(sums_.get(), nullptr, block.rows, width, data<bf16_bits>(dq) + at, stride);
  }

  const Layout& layout_;
  int64_t padded_rows_;
  std::unique_ptr<bf16_pair[]> keys_, values_, key_rows_;
  std::unique_ptr<float[]> scores_, map_gradient_;
  std::unique_ptr<bf16_pair[]> weights_, slopes_;
  std::unique_ptr<bf16_bits[]> slope_rows_, turned_;
  std::unique_ptr<float[]> dk_, dv_, sums_;
};

struct Attention : torch::autograd::Function<Attention> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, int64_t heads,
                            const std::optional<at::Tensor>& bias) {
    const at::Tensor added = bias.value_or(at::Tensor());
    Attended result = attend(q, k, v, heads, added);
    context->save_for_backward({q, k, v, result.y, result.log_sum, added});
    context->saved_data["heads"] = heads;
    return result.y;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const Layout layout(saved[0], saved[1], context->saved_data["heads"].toInt());
    const at::Tensor dy = gradients[0].to(at::kBFloat16).contiguous();
    tensor_list result = {at::empty_like(saved[0]), at::empty_like(saved[1]),
                          at::empty_like(saved[2]), at::Tensor(), at::Tensor()};
    at::parallel_for(0, layout.parts(), 1, [&](int64_t begin, int64_t end) {
      PartGradients work(layout);
      for (int64_t part = begin; part < end; ++part) work.run(part, saved, dy, result);
      brgemm_done();
    });
    return result;
  }
};

// The band of a window in blocks of rows, each with the keys from `half` before to `half` after it.
// Blocks are members of the batch: rows [B * blocks, rows, A], keys [B * blocks, span, A].
class Band {
 public:
  Band(const at::Tensor& q, int64_t window)
      : batch_(q.size(0)),
        frames_(q.size(1)),
        half_(window / 2),
        rows_(std::clamp(window, kMinBandRows, kMaxRows)),
        span_(rows_ + 2 * half_),
        missing_((frames_ + rows_ - 1) / rows_ * rows_ - frames_),
        options_(at::TensorOptions(q.device()).dtype(at::kLong)) {}

  bool one_block() const { return span_ >= frames_; }

  at::Tensor rows_of(const at::Tensor& q) const {
    return at::constant_pad_nd(q, {0, 0, 0, missing_}).reshape({-1, rows_, q.size(2)});
  }
  at::Tensor keys_of(const at::Tensor& k) const {
    const at::Tensor padded = at::constant_pad_nd(k, {0, 0, half_, half_ + missing_});
    return padded.unfold(1, span_, rows_).transpose(2, 3).reshape({-1, span_, k.size(2)});
  }
  // [B * blocks, 1, rows, span]
  at::Tensor block_masks(const at::Tensor& valid) const {
    const at::Tensor seen = valid.defined() ? valid.view({batch_, frames_})
                                            : at::ones({1, frames_}, options_.dtype(at::kBool));
    const at::Tensor keys =
        at::constant_pad_nd(seen.expand({batch_, -1}), {half_, half_ + missing_})
            .unfold(1, span_, rows_);  // [B, blocks, span]
    return mask(rows_, span_, half_).logical_and(keys.unsqueeze(2)).view({-1, 1, rows_, span_});
  }
  // [B or 1, 1, T, T]
  at::Tensor whole_mask(const at::Tensor& valid) const {
    const at::Tensor all = mask(frames_, frames_, 0).view({1, 1, frames_, frames_});
    return valid.defined() ? all.logical_and(valid) : all;
  }

 private:
  // [rows, columns]: key c of row r is less than or as much as half the window away, where key `shift` is
  // row 0 itself.
  at::Tensor mask(int64_t rows, int64_t columns, int64_t shift) const {
    const at::Tensor key = at::arange(columns, options_) - shift;
    return (key - at::arange(rows, options_).unsqueeze(1)).abs() <= half_;
  }

  int64_t batch_, frames_, half_, rows_, span_, missing_;
  at::TensorOptions options_;
};

bool takes_bf16_products(const at::Tensor& q, int64_t heads, const at::Tensor& mask) {
  return q.is_cpu() && q.scalar_type() == at::kBFloat16 && q.numel() > 0 &&
         q.size(2) / heads % 2 == 0 && brgemm_takes_bf16() &&
         !(mask.defined() && mask.requires_grad() && at::GradMode::is_enabled());
}

at::Tensor attention_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        int64_t heads, const at::Tensor& mask) {
  if (!takes_bf16_products(q, heads, mask)) return aten_attention(q, k, v, heads, mask);
  const at::Tensor bias = additive(mask);
  const at::Tensor queries = q.contiguous(), keys = k.contiguous(), values = v.contiguous();
  if (at::GradMode::is_enabled()) {
    return Attention::apply(queries, keys, values, heads,
                            bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt);
  }
  return attend(queries, keys, values, heads, bias).y;
}

}  // namespace

at::Tensor masked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            int64_t heads, const at::Tensor& mask) {
  const bool masked = mask.defined();
  const bool learned = masked && mask.requires_grad() && at::GradMode::is_enabled();
  const int64_t width = q.size(2) / heads;
  return kernel_checks().run(
      {Product::kAttention, {heads, width, int64_t{masked} + int64_t{learned}}}, {q, k, v},
      [&] {
        SampleSizes sizes(3, {1, kCheckedFrames, q.size(2)});
        if (masked) sizes.push_back({1, heads, kCheckedFrames, kCheckedFrames});
        return sizes;
      },
      [&](const Tensors& in) {
        const bool sample = in.size() > 3;  // with a mask of its own
        const at::Tensor added = !sample ? mask : learned ? in[3] : in[3].detach();
        return attention_of(in[0], in[1], in[2], heads, added);
      });
}

at::Tensor windowed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              int64_t heads, const at::Tensor& valid, int64_t window) {
  const Band band(q, window);
  if (band.one_block()) return masked_attention(q, k, v, heads, band.whole_mask(valid));
  const at::Tensor y = masked_attention(band.rows_of(q), band.keys_of(k), band.keys_of(v), heads,
                                        band.block_masks(valid));
  return y.reshape({q.size(0), -1, q.size(2)}).narrow(1, 0, q.size(1));
}

}  // namespace concertina
