#include "distill/objective/heads.h"

#include <fmt/format.h>

#include <cmath>

#include "supernet/nn/ops.h"

namespace concertina {
namespace {

// One Linear layer of a head, and whether norm and ReLU follow it.
struct HeadLayer {
  std::string name;
  int64_t out = 0, in = 0;
  bool norm = false;
};

// Of a student whose width is `embed_dim`.
std::vector<HeadLayer> layers_of(const Head& head, int64_t embed_dim) {
  const auto name = [&](int i) { return fmt::format("{}.{}", head.name, i); };
  switch (head.kind) {
    case HeadKind::kGelu:
      return {{name(0), head.out, embed_dim}, {name(1), head.out, head.out}};
    case HeadKind::kMlp:
      return {{name(0), 2 * head.in, embed_dim, true},
              {name(1), head.in, 2 * head.in},
              {name(2), 2 * head.in, head.in, true},
              {name(3), head.out, 2 * head.in}};
    case HeadKind::kLinear:
      break;
  }
  return {{head.name, head.out, embed_dim}};
}

std::string norm_name(const HeadLayer& layer) { return layer.name + ".norm"; }

at::Tensor apply_linear(const TensorMap& heads, const std::string& name, const at::Tensor& x) {
  return linear(x, {heads.at(name + ".weight"), heads.at(name + ".bias")});
}

}  // namespace

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
  return apply_linear(heads, name, x).to(at::kFloat);
}

std::vector<Parameters::Init> head_parameters(const Head& head, const Rng& rng, double lr_scale) {
  std::vector<Parameters::Init> values;
  for (const HeadLayer& layer : layers_of(head, head.in)) {
    const auto own = head_parameters(layer.name, layer.out, layer.in, rng, lr_scale);
    values.insert(values.end(), own.begin(), own.end());
    if (!layer.norm) continue;
    values.push_back({norm_name(layer) + ".weight", at::ones({layer.out}), false, lr_scale});
    values.push_back({norm_name(layer) + ".bias", at::zeros({layer.out}), false, lr_scale});
  }
  return values;
}

std::vector<TensorSlice> head_slices(const Head& head, int64_t embed_dim) {
  std::vector<TensorSlice> slices;
  for (const HeadLayer& layer : layers_of(head, embed_dim)) {
    const auto own = head_slices(layer.name, layer.out, layer.in);
    slices.insert(slices.end(), own.begin(), own.end());
    if (!layer.norm) continue;
    for (const char* part : {".weight", ".bias"})
      slices.push_back({.name = norm_name(layer) + part, .dims = {{layer.out, {}}}});
  }
  return slices;
}

at::Tensor apply_head(const TensorMap& heads, const Head& head, const at::Tensor& x) {
  at::Tensor y = x;
  const std::vector<HeadLayer> layers = layers_of(head, x.size(-1));
  for (size_t i = 0; i < layers.size(); ++i) {
    y = apply_linear(heads, layers[i].name, y);
    const std::string norm = norm_name(layers[i]);
    if (layers[i].norm)
      y = layer_norm(y, {heads.at(norm + ".weight"), heads.at(norm + ".bias")}).relu();
    if (head.kind == HeadKind::kGelu && i == 0) y = at::gelu(y);
  }
  return y.to(at::kFloat);
}

}  // namespace concertina
