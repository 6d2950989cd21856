#include "distill/objective/layer_head.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/errors.h"
#include "distill/objective/teacher_mean.h"
#include "supernet/nn/encoder_layer.h"
#include "supernet/nn/layer_weights.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kLayerHead = "head_layer";
const std::string kOwnPrefix = "objective.layer.";
const std::string kFirstLayer = "encoder.layers.0.";

// A model with the layer alone.
Blueprint blueprint_of(const LayerHeadSizes& sizes) {
  Blueprint blueprint;
  blueprint.front_end = FrontEndKind::kLogMel;
  blueprint.positional = {.kernel = 0, .groups = 1, .weight_norm = false};
  blueprint.head_dim = sizes.head_dim;
  blueprint.key_bias = sizes.key_bias;
  return blueprint;
}

LayerShape shape_of(const LayerHeadSizes& sizes, int32_t index, int32_t embed_dim) {
  const int64_t ffn = int64_t{sizes.ffn_dim} * embed_dim / sizes.embed_dim;
  return {.index = index, .heads = sizes.heads, .ffn_dim = static_cast<int32_t>(ffn)};
}

Architecture alone(const LayerHeadSizes& sizes, int32_t embed_dim) {
  return Architecture({}, embed_dim, 20000, {shape_of(sizes, 0, embed_dim)});
}

Architecture deeper(const LayerHeadSizes& sizes, const Architecture& student) {
  std::vector<LayerShape> layers = student.layers();
  layers.push_back(shape_of(sizes, sizes.index, student.embed_dim()));
  return Architecture(student.conv_channels(), student.embed_dim(), student.frame_period_us(),
                      std::move(layers));
}

// Named as the one layer of a model.
std::vector<TensorSlice> layer_slices(const LayerHeadSizes& sizes, int32_t embed_dim) {
  const Storage storage{alone(sizes, sizes.embed_dim), SlicingRule::kPrefix};
  auto slices = tensor_slices(blueprint_of(sizes), storage, alone(sizes, embed_dim));
  std::erase_if(slices,
                [](const TensorSlice& slice) { return !slice.name.starts_with(kFirstLayer); });
  return slices;
}

std::string own_name(const std::string& name) {
  return kOwnPrefix + name.substr(kFirstLayer.size());
}

void remove_layer(WantedOutputs& wants, int32_t layer) {
  for (auto list : {&WantedOutputs::hidden, &WantedOutputs::ffn_results, &WantedOutputs::queries,
                    &WantedOutputs::keys, &WantedOutputs::values}) {
    std::erase(wants.*list, layer);
  }
}

class LayerHeadObjective : public Objective {
 public:
  LayerHeadObjective(std::unique_ptr<Objective> objective, const LayerHeadSizes& sizes)
      : objective_(std::move(objective)), sizes_(sizes), blueprint_(blueprint_of(sizes)) {}

  Needs needs() const override { return objective_->needs(); }
  WantedOutputs student_wants(const Architecture& student) const override {
    WantedOutputs wants = objective_->student_wants(deeper(sizes_, student));
    remove_layer(wants, student.depth() + 1);
    merge(wants, {.hidden = {student.depth()}});
    return wants;
  }
  LossBreakdown loss(const LossInput& input) const override {
    const Architecture student = deeper(sizes_, input.architecture);
    const EncoderOutput output = with_layer(input);
    return objective_->loss({output, student, input.heads, input.goal, input.step});
  }
  std::vector<Parameters::Init> parameters(const Rng& rng) const override {
    std::vector<Parameters::Init> all = objective_->parameters(rng);
    const SearchSpace one =
        SearchSpace::single(blueprint_, {alone(sizes_, sizes_.embed_dim), SlicingRule::kPrefix});
    const Supernet random = Supernet::random(one, rng.fork("head layer"));
    for (const TensorSlice& slice : layer_slices(sizes_, sizes_.embed_dim)) {
      all.push_back({own_name(slice.name), random.weights().at(slice.name), slice.decay});
    }
    return all;
  }
  std::vector<TensorSlice> slices(const Architecture& student) const override {
    std::vector<TensorSlice> all = objective_->slices(deeper(sizes_, student));
    for (TensorSlice& slice : layer_slices(sizes_, student.embed_dim())) {
      slice.name = own_name(slice.name);
      all.push_back(std::move(slice));
    }
    return all;
  }
  TensorMap goal(const Rows& rows, const StepData& step) const override {
    return objective_->goal(rows, step);
  }
  TensorMap in_place_goal(const Rows& teacher, const LossBreakdown& first, double weight,
                          const StepData& step) const override {
    return objective_->in_place_goal(teacher, first, weight, step);
  }
  bool has_assistants() const override { return objective_->has_assistants(); }
  TensorMap assisted_goal(const TensorMap& goal, const TensorMap& assistant) const override {
    return objective_->assisted_goal(goal, assistant);
  }
  TensorMap initial_state(const RowSampler& sample, const Rng& rng) const override {
    return objective_->initial_state(sample, rng);
  }
  TensorMap observed(const TensorMap& goal, const StepData& step) const override {
    return objective_->observed(goal, step);
  }
  TensorMap next_state(const TensorMap& observed, const StepData& step) const override {
    return objective_->next_state(observed, step);
  }
  bool is_mean_over_clips() const override { return objective_->is_mean_over_clips(); }
  std::string to_json() const override { return with_layer_head(objective_->to_json(), sizes_); }

 private:
  // The student's outputs and those of the layer on top.
  EncoderOutput with_layer(const LossInput& input) const {
    const int32_t depth = input.architecture.depth();
    TensorMap tensors;
    for (const auto& [name, tensor] : input.heads) {
      if (name.starts_with(kOwnPrefix))
        tensors[kFirstLayer + name.substr(kOwnPrefix.size())] = tensor;
    }
    const LayerWeights layer =
        assemble_layer(blueprint_, alone(sizes_, input.architecture.embed_dim()), tensors);
    EncoderOutput output = input.student;
    AttentionContext context{.mask = output.frames.attention_mask};
    LayerActivations inside;
    inside.keep_projections = true;
    const at::Tensor x = output.hidden[static_cast<size_t>(depth)];
    output.frames.x = encoder_layer(blueprint_, layer, x, context, &inside);
    output.hidden.push_back(output.frames.x);
    output.ffn_results.push_back(inside.ffn_output);
    output.queries.push_back(inside.query);
    output.keys.push_back(inside.key);
    output.values.push_back(inside.value);
    return output;
  }

  std::unique_ptr<Objective> objective_;
  LayerHeadSizes sizes_;
  Blueprint blueprint_;
};

const LayerHeadOfTeachers& head_of(const std::vector<LayerHeadOfTeachers>& heads,
                                   const std::string& teacher) {
  if (heads.empty())
    throw InputError("the objective has no head layer: it was trained without `head_layer: true`");
  if (heads.size() == 1 && teacher.empty()) return heads.front();
  std::vector<std::string> names;
  for (const LayerHeadOfTeachers& head : heads) {
    if (std::ranges::count(head.teachers, teacher) > 0) return head;
    names.insert(names.end(), head.teachers.begin(), head.teachers.end());
  }
  throw InputError(fmt::format("no head layer of teacher '{}'{}; there are those of {}", teacher,
                               did_you_mean(teacher, names), fmt::join(names, ", ")));
}

}  // namespace

LayerHeadSizes layer_head_sizes(const SearchSpace& space) {
  const Architecture shape = space.storage().shape;
  LayerHeadSizes sizes{.index = shape.layers().back().index + 1,
                       .embed_dim = shape.embed_dim(),
                       .head_dim = space.blueprint().head_dim,
                       .key_bias = space.blueprint().key_bias};
  for (const LayerShape& layer : shape.layers()) {
    sizes.heads = std::max(sizes.heads, layer.heads);
    sizes.ffn_dim = std::max(sizes.ffn_dim, layer.ffn_dim);
  }
  return sizes;
}

std::string layer_head_problem(const SearchSpace& space) {
  const Blueprint& blueprint = space.blueprint();
  if (blueprint.norm_position != NormPosition::kPost)
    return "expected a space with norms after the blocks (norm_position: post)";
  if (blueprint.relative_position.buckets > 0)
    return "expected a space without position bias in attention";
  if (!blueprint.attention_reuse.empty()) return "expected a space without attention_reuse";
  if (space.rule() != SlicingRule::kPrefix) return "expected a space whose slices are prefixes";
  return "";
}

std::unique_ptr<Objective> on_layer_head(std::unique_ptr<Objective> objective,
                                         const LayerHeadSizes& sizes) {
  return std::make_unique<LayerHeadObjective>(std::move(objective), sizes);
}

std::string with_layer_head(const std::string& saved, const LayerHeadSizes& sizes) {
  Json json = Json::parse(saved);
  json[kLayerHead] = {{"index", sizes.index},     {"embed_dim", sizes.embed_dim},
                      {"heads", sizes.heads},     {"head_dim", sizes.head_dim},
                      {"ffn_dim", sizes.ffn_dim}, {"key_bias", sizes.key_bias}};
  return json.dump();
}

SavedLayerHead split_layer_head(const std::string& saved) {
  Json json = Json::parse(saved, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains(kLayerHead)) return {saved, std::nullopt};
  LayerHeadSizes sizes;
  try {
    const Json& from = json.at(kLayerHead);
    for (const auto& [key, value] : {std::pair("index", &sizes.index),
                                     {"embed_dim", &sizes.embed_dim},
                                     {"heads", &sizes.heads},
                                     {"head_dim", &sizes.head_dim},
                                     {"ffn_dim", &sizes.ffn_dim}}) {
      from.at(key).get_to(*value);
      if (*value < 0) throw InputError(fmt::format("{} is {}", key, *value));
    }
    from.at("key_bias").get_to(sizes.key_bias);
    if (sizes.embed_dim == 0) throw InputError("embed_dim is 0");
  } catch (const std::exception& error) {
    throw InputError(
        fmt::format("the objective's description is invalid: its head layer: {}", error.what()));
  }
  json.erase(kLayerHead);
  return {json.dump(), sizes};
}

std::vector<LayerHeadOfTeachers> layer_heads(const Objective& objective) {
  std::vector<LayerHeadOfTeachers> heads;
  const auto add = [&](const std::string& saved, const std::string& prefix) {
    const auto [below, sizes] = split_layer_head(saved);
    if (!sizes) return;
    LayerHeadOfTeachers head{{}, prefix, *sizes};
    for (const TeacherWeight& each : split_teachers(below).mean.teachers)
      head.teachers.push_back(each.name);
    if (head.teachers.empty()) head.teachers = {kFirstTeacher};
    heads.push_back(std::move(head));
  };
  const Json json = Json::parse(objective.to_json());
  if (json.at("kind") != "sum") {
    add(json.dump(), kOwnPrefix);
    return heads;
  }
  const Json& summands = json.at("of");
  for (size_t i = 0; i < summands.size(); ++i)
    add(summands[i].dump(), fmt::format("objective.{}.layer.", i));
  return heads;
}

Supernet with_layer_head(const Supernet& supernet, const Architecture& subnet,
                         const Objective& objective, const TensorMap& heads,
                         const std::string& teacher) {
  const std::vector<LayerHeadOfTeachers> all = layer_heads(objective);
  const LayerHeadOfTeachers& head = head_of(all, teacher);
  const Supernet body = supernet.extract(subnet);
  TensorMap full;
  const auto slices = layer_slices(head.sizes, subnet.embed_dim());
  for (const TensorSlice& slice : slices)
    full[slice.name] = heads.at(head.prefix + slice.name.substr(kFirstLayer.size()));
  TensorMap tensors = body.weights();
  for (auto& [name, tensor] : slice_tensors(full, slices)) {
    const std::string rest = name.substr(kFirstLayer.size());
    tensors[fmt::format("encoder.layers.{}.{}", head.sizes.index, rest)] =
        tensor.detach().clone(at::MemoryFormat::Contiguous);
  }
  SearchSpace space =
      SearchSpace::single(body.blueprint(), {deeper(head.sizes, subnet), SlicingRule::kPrefix});
  return Supernet(std::move(space), std::move(tensors), body.provenance());
}

}  // namespace concertina
