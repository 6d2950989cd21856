#include "distill/objective/heads.h"

#include <cmath>

#include "supernet/nn/ops.h"

namespace concertina {

std::vector<Parameters::Init> head_parameters(const std::string& name, int64_t out,
                                              int64_t embed_dim, const Rng& rng, double lr_scale) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(rng.fork(name).next_u64());
  const double bound = std::sqrt(6.0 / static_cast<double>(embed_dim + out));
  const at::Tensor weight = at::empty({out, embed_dim}).uniform_(-bound, bound, generator);
  return {{name + ".weight", weight, true, lr_scale},
          {name + ".bias", at::zeros({out}), false, lr_scale}};
}

std::vector<TensorSlice> head_slices(const std::string& name, int64_t out, int64_t embed_dim) {
  TensorSlice weight{.name = name + ".weight", .dims = {{out, {}}, {embed_dim, {}}}};
  weight.decay = weight.low_precision = true;
  TensorSlice bias{.name = name + ".bias", .dims = {{out, {}}}};
  return {std::move(weight), std::move(bias)};
}

at::Tensor apply_head(const TensorMap& heads, const std::string& name, const at::Tensor& x) {
  return linear(x, {heads.at(name + ".weight"), heads.at(name + ".bias")}).to(at::kFloat);
}

}  // namespace concertina
