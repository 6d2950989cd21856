#include "distill/objective/masked_units.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.h"
#include "distill/objective/heads.h"
#include "distill/objective/kind_of.h"
#include "supernet/space/unit_head_names.h"

namespace concertina {
namespace {

std::string head_name(int32_t layer) { return fmt::format("objective.heads.{}", layer); }
std::string codewords_name(int32_t layer) { return fmt::format("objective.codewords.{}", layer); }

at::Tensor unit_length(const at::Tensor& x) { return x / x.norm(2, -1, true).clamp_min(1e-8); }

}  // namespace

const OptionTable<MaskedUnitsSpec>& MaskedUnitsObjective::options() {
  using O = MaskedUnitsSpec;
  static const OptionTable<O> table = {
      option("layers", &O::layers,
             "layers that predict units, counted from 1; the last always does")
          .within({1, 1000}),
      option("position", &O::position,
             "which kept layer those are: by index in the supernet, by rank among the kept layers, "
             "or at the same share of the depth")
          .in_fingerprint_if([](const O& o) { return o.position != LayerPosition::kIndex; }),
      option("unmasked_weight", &O::unmasked_weight, "of the loss on frames that are not masked")
          .within({0, 1e6}),
      option("codeword_dim", &O::codeword_dim,
             "logits are cosines with a codeword of each unit, of this dimension; 0: linear heads")
          .within({0, 1e5})
          .in_fingerprint_if([](const O& o) { return o.codeword_dim > 0; }),
      option("temperature", &O::temperature, "of cosines with codewords")
          .within({1e-4, 1e4})
          .in_fingerprint_if([](const O& o) { return o.codeword_dim > 0; }),
  };
  return table;
}

const OptionTable<MaskedUnitsSpec>& MaskedUnitsObjective::sizes() {
  using O = MaskedUnitsSpec;
  static const OptionTable<O> table = {
      option("depth", &O::depth, "").within({0, 1e6}),
      option("clusters", &O::clusters, "").within({1, 1e6}),
      option("model_dim", &O::model_dim, "").within({0, 1e6}),
  };
  return table;
}

void MaskedUnitsObjective::set_sizes(Spec& spec, const ObjectiveSizes& sizes) {
  spec.depth = sizes.student_depth;
  spec.model_dim = sizes.student_dim;
  spec.clusters = sizes.units;
}

std::optional<std::pair<std::string, std::string>> MaskedUnitsObjective::problem(const Spec&,
                                                                                 int32_t) {
  return std::nullopt;
}

MaskedUnitsObjective::MaskedUnitsObjective(MaskedUnitsSpec spec) : spec_(std::move(spec)) {
  std::vector<int32_t>& layers = spec_.layers;
  for (int32_t layer : layers) {
    if (layer < 1 || layer > spec_.depth) {
      throw InputError(
          fmt::format("objective.layers: the model has {} layers, not {}", spec_.depth, layer));
    }
  }
  layers.push_back(spec_.depth);
  std::sort(layers.begin(), layers.end());
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
}

Needs MaskedUnitsObjective::needs() const { return {.mask = true, .units = true}; }

std::vector<Parameters::Init> MaskedUnitsObjective::parameters(const Rng& rng) const {
  std::vector<Parameters::Init> values;
  for (int32_t layer : spec_.layers) {
    auto head = head_parameters(head_name(layer), head_width(), spec_.model_dim, rng);
    values.insert(values.end(), head.begin(), head.end());
    if (!has_codewords()) continue;
    at::Generator generator =
        at::make_generator<at::CPUGeneratorImpl>(rng.fork(codewords_name(layer)).next_u64());
    const at::Tensor codewords =
        at::empty({spec_.clusters, spec_.codeword_dim}).uniform_(0, 1, generator);
    values.push_back({codewords_name(layer), codewords, /*decay=*/true});
  }
  return values;
}

std::vector<MaskedUnitsObjective::Prediction> MaskedUnitsObjective::predictions(
    const Architecture& student) const {
  std::vector<Prediction> all;
  for (const int32_t head : spec_.layers) {
    if (head == spec_.depth) continue;
    const bool relative = spec_.position == LayerPosition::kRelative;
    const double place = relative ? static_cast<double>(head) / spec_.depth : head;
    if (const int32_t layer = kept_layer(spec_.position, place, student); layer > 0)
      all.push_back({head, layer});
  }
  all.push_back({spec_.depth, student.depth()});
  return all;
}

std::vector<TensorSlice> MaskedUnitsObjective::slices(const Architecture& student) const {
  std::vector<TensorSlice> result;
  for (const Prediction& each : predictions(student)) {
    const auto head = head_slices(head_name(each.head), head_width(), student.embed_dim());
    result.insert(result.end(), head.begin(), head.end());
    if (!has_codewords()) continue;
    TensorSlice codewords{.name = codewords_name(each.head),
                          .dims = {{spec_.clusters, {}}, {spec_.codeword_dim, {}}}};
    codewords.decay = true;
    result.push_back(std::move(codewords));
  }
  return result;
}

WantedOutputs MaskedUnitsObjective::student_wants(const Architecture& student) const {
  WantedOutputs wants;
  for (const Prediction& each : predictions(student)) wants.hidden.push_back(each.layer);
  return wants;
}

at::Tensor MaskedUnitsObjective::logits(const TensorMap& heads, int32_t head,
                                        const at::Tensor& hidden) const {
  const at::Tensor x = apply_head(heads, head_name(head), hidden);
  if (!has_codewords()) return x;
  const at::Tensor codewords = unit_length(heads.at(codewords_name(head)));
  return unit_length(x).matmul(codewords.t()) / spec_.temperature;
}

LossBreakdown MaskedUnitsObjective::loss(const LossInput& input) const {
  const Frames& frames = input.student.frames;
  const at::Tensor valid = base_valid(frames);
  const StepData& step = input.step;
  CONCERTINA_ASSERT(step.units.defined());
  const int64_t length = std::min(valid.size(1), step.units.size(1));
  const at::Tensor seen = valid.narrow(1, 0, length);
  const at::Tensor units = step.units.narrow(1, 0, length);
  const at::Tensor mask =
      step.mask.defined() ? step.mask.narrow(1, 0, length).logical_and(seen) : at::zeros_like(seen);
  const at::Tensor open = mask.logical_not().logical_and(seen);
  LossBreakdown result;
  const std::vector<Prediction> all = predictions(input.architecture);
  for (const auto& [head, layer] : all) {
    const at::Tensor hidden = valid_only(frames, input.student.hidden[static_cast<size_t>(layer)]);
    const at::Tensor scores =
        to_base_frames(frames, logits(input.heads, head, hidden)).narrow(1, 0, length);
    const at::Tensor entropy =
        at::cross_entropy_loss(scores.flatten(0, 1), units.flatten(), {}, at::Reduction::None)
            .view_as(units);
    const at::Tensor masked = mean_where(entropy, mask), unmasked = mean_where(entropy, open);
    const at::Tensor both = masked + unmasked * spec_.unmasked_weight;
    result.total = result.total.defined() ? result.total + both : both;
    if (head != spec_.depth) continue;
    const at::Tensor hit = scores.detach().argmax(-1).eq(units).to(at::kFloat);
    result.terms = {{"masked", masked.detach()},
                    {"unmasked", unmasked.detach()},
                    {"accuracy", mean_where(hit, mask)}};
  }
  result.total = result.total / static_cast<double>(all.size());
  return result;
}

TensorMap MaskedUnitsObjective::unit_head(const TensorMap& heads) const {
  TensorMap head = {{kUnitHeadWeight, heads.at(head_name(spec_.depth) + ".weight")},
                    {kUnitHeadBias, heads.at(head_name(spec_.depth) + ".bias")}};
  if (!has_codewords()) return head;
  head[kUnitHeadCodewords] = heads.at(codewords_name(spec_.depth));
  head[kUnitHeadTemperature] = at::full({1}, spec_.temperature);
  return head;
}

std::string MaskedUnitsObjective::to_json() const {
  return saved_json<MaskedUnitsObjective>(spec_);
}

}  // namespace concertina
