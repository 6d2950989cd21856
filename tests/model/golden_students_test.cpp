// Published students' shapes against models built out of transformers'
// (tests/parity/golden/students.py).
#include "tests/model/closed_form.h"

namespace concertina {
namespace {

using testing::golden_batch;

Blueprint student_blueprint() {
  Blueprint blueprint;
  blueprint.head_dim = 32;
  return blueprint;
}

void expect_student(const std::string& name, const Subnet& subnet) {
  const SafetensorsFile golden = read_safetensors(testing::kGolden + "students.safetensors");
  at::InferenceMode inference;
  const EncoderOutput output = encode(subnet, golden_batch({16000}), {.all_hidden = true});
  testing::expect_near(testing::thinned(output.hidden, 5), golden.tensors.at(name), name);
}

void expect_student(const std::string& name, const Blueprint& blueprint, const char* key) {
  const Architecture net =
      Architecture::parse(key, static_cast<int32_t>(blueprint.wave.layers.size()));
  expect_student(name, testing::closed_form_model(blueprint, net).slice(net));
}

TEST(Golden, DistilHubert) {
  Blueprint blueprint = student_blueprint();
  blueprint.wave.feature_norm = false;
  expect_student("distilhubert", blueprint, "c=32 e=128 p=20000 L=0-1:4x256");
}

TEST(Golden, FitHubert) {
  Blueprint blueprint = student_blueprint();
  blueprint.wave.layers = {{10, 5}, {1, 1}, {3, 2}, {3, 2}, {3, 2}, {3, 2}, {1, 1}, {2, 2}, {2, 2}};
  const std::string stack = "c=16,24,24,24,24,24,32,32,32 e=128 ";
  blueprint.rate = RateKind::kConv;
  expect_student("fithubert/conv", blueprint, (stack + "p=40000 L=0-3:4x256").c_str());
  blueprint.rate = RateKind::kLinear;
  expect_student("fithubert/linear", blueprint, (stack + "p=40000 L=0-3:4x256").c_str());
  blueprint.rate = RateKind::kAverage;
  expect_student("fithubert/average", blueprint, (stack + "p=60000 L=0-3:4x256").c_str());
}

TEST(Golden, ArmHubert) {
  Blueprint blueprint = student_blueprint();
  blueprint.attention_reuse = {1, 3};
  blueprint.projection = false;
  expect_student("armhubert", blueprint, "c=32,32,32,32,32,32,128 e=128 p=20000 L=0-3:4x256");
}

// Which of `count` entries a pruned model keeps, each `width` channels wide.
template <class Keep>
at::Tensor kept(int64_t count, int64_t width, Keep keep) {
  std::vector<int64_t> channels;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t c = 0; keep(i) && c < width; ++c) channels.push_back(i * width + c);
  }
  return at::tensor(channels, at::kLong);
}

// The masks of students.py as gathers: what is left of the full model, heads and units moved up.
class Pruning {
 public:
  at::Tensor heads(int64_t layer) const {
    return kept(4, 32, [&](int64_t h) { return (h + layer) % 4 < 3 - layer % 2; });
  }
  at::Tensor units(int64_t layer) const {
    return kept(256, 1, [&](int64_t u) { return u % (layer + 2) != 0; });
  }
  at::Tensor channels(int64_t conv) const {
    return kept(32, 1, [&](int64_t c) { return conv == 6 || c % (conv + 2) != 1; });
  }
  Architecture architecture() const {
    std::vector<int32_t> widths;
    for (int64_t i = 0; i < 7; ++i) widths.push_back(static_cast<int32_t>(channels(i).numel()));
    std::vector<LayerShape> layers;
    for (int32_t i = 0; i < 4; ++i) {
      layers.push_back({i, static_cast<int32_t>(heads(i).numel() / 32),
                        static_cast<int32_t>(units(i).numel()), 0});
    }
    return Architecture(widths, 128, 20000, layers);
  }
  TensorMap apply(TensorMap full) const {
    for (auto& [name, tensor] : full) tensor = part(name, tensor);
    return full;
  }

 private:
  at::Tensor part(const std::string& name, const at::Tensor& full) const {
    const std::string conv = "feature_extractor.conv_layers.", layer = "encoder.layers.";
    if (name.starts_with(conv)) {
      const int64_t i = name[conv.size()] - '0';
      const at::Tensor rows = full.index_select(0, channels(i));
      return i == 0 || full.dim() == 1 ? rows : rows.index_select(1, channels(i - 1));
    }
    if (!name.starts_with(layer)) return full;
    const int64_t i = name[layer.size()] - '0';
    const auto has = [&](const char* text) { return name.find(text) != std::string::npos; };
    if (has("q_proj") || has("k_proj") || has("v_proj")) return full.index_select(0, heads(i));
    if (has("out_proj.weight")) return full.index_select(1, heads(i));
    if (has("fc1")) return full.index_select(0, units(i));
    if (has("fc2.weight")) return full.index_select(1, units(i));
    return full;
  }
};

TEST(Golden, DpHubert) {
  Blueprint blueprint = student_blueprint();
  blueprint.wave.feature_scale = true;
  const Architecture full = Architecture::parse("c=32 e=128 p=20000 L=0-3:4x256");
  const Pruning pruning;
  const Architecture pruned = pruning.architecture();
  EXPECT_EQ(pruned.key(), "c=16,21,24,25,26,27,32 e=128 p=20000 L=0:3x128,1:2x170,2:3x192,3:2x204");
  const Supernet model(SearchSpace::single(blueprint, {pruned, SlicingRule::kPrefix}),
                       pruning.apply(testing::closed_form_model(blueprint, full).weights()));
  expect_student("dphubert", model.slice(pruned));
}

}  // namespace
}  // namespace concertina
