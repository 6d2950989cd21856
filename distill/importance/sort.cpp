#include "distill/importance/sort.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "distill/data/crops.h"
#include "distill/importance/taylor_scores.h"
#include "distill/objective/layer_head.h"
#include "supernet/model/activation_scores.h"

namespace concertina {
namespace {

constexpr int32_t kCrops = 8;
constexpr double kCropSeconds = 3;
constexpr int64_t kCheckFrames = 100;

std::vector<SpeechBatch> training_batches(const SortOptions& options, const Blueprint& blueprint,
                                          const Manifest& manifest) {
  const BatchOptions crops{
      .crops = kCrops, .seconds = kCropSeconds, .source_weight = options.source_weight};
  const JoinedClips clips(manifest, Split::kTrain, blueprint.base_frame_samples(),
                          options.source_weight);
  const BatchContents only_audio;
  const CropSource source({clips, blueprint, crops, only_audio, Rng(options.seed).fork("sort")});
  std::vector<SpeechBatch> batches;
  double seconds = 0;
  while (seconds < options.seconds) {
    const TrainingBatch next = source.at(static_cast<int64_t>(batches.size()));
    batches.push_back(next.speech);
    seconds += next.seconds;
  }
  return batches;
}

UnitScores scores_of(const SortOptions& options, const SortInputs& inputs) {
  if (options.score == SortScore::kMagnitude) return magnitude_scores(inputs.model);
  if (inputs.manifest == nullptr) {
    throw InputError("sorting by activation or Taylor score needs audio: give a manifest");
  }
  if (options.score == SortScore::kTaylor &&
      (inputs.trained == nullptr || inputs.teacher == nullptr)) {
    throw InputError("sorting by Taylor score needs the teacher and the trained objective");
  }
  const auto batches = training_batches(options, inputs.model.blueprint(), *inputs.manifest);
  return options.score == SortScore::kActivation
             ? activation_scores(inputs.model, batches)
             : taylor_scores(inputs.model, *inputs.trained, *inputs.teacher, batches);
}

// Embedding channels along `dim` in their new order; unchanged where they are not sorted.
at::Tensor in_embed_order(const at::Tensor& x, int64_t dim, const UnitOrders& orders) {
  const auto embed = orders.find({UnitKind::kEmbed});
  return embed == orders.end() ? x : reorder(x, dim, embed->second);
}

struct HeadDim {
  std::string name;
  int64_t dim;
};

// Dimensions of heads over the embedding channels: those that differ between two widths.
std::vector<HeadDim> embed_dims(const Objective& objective, const Architecture& whole) {
  const Architecture wider(whole.conv_channels(), whole.embed_dim() + 1, whole.frame_period_us(),
                           whole.layers());
  const auto slices = objective.slices(whole);
  const auto wide_slices = objective.slices(wider);
  std::vector<HeadDim> found;
  for (size_t i = 0; i < slices.size(); ++i) {
    for (size_t d = 0; d < slices[i].dims.size(); ++d) {
      if (slices[i].dims[d].size != wide_slices[i].dims[d].size)
        found.push_back({slices[i].name, static_cast<int64_t>(d)});
    }
  }
  return found;
}

void check_width(const TrainedObjective& trained, const Architecture& whole) {
  if (!layer_heads(*trained.objective).empty())
    throw InputError("units of a model with head layers cannot be sorted");
  for (const auto& [name, dim] : embed_dims(*trained.objective, whole)) {
    const int64_t channels = trained.heads.at(name).size(dim);
    if (channels == whole.embed_dim()) continue;
    throw InputError(
        fmt::format("the objective is of a model of another width: its {} is for {} embedding "
                    "channels, the model has {}",
                    name, channels, whole.embed_dim()));
  }
}

TensorMap reorder_heads(const TrainedObjective& trained, const Architecture& whole,
                        const UnitOrders& orders) {
  TensorMap heads = trained.heads;
  for (const auto& [name, dim] : embed_dims(*trained.objective, whole)) {
    at::Tensor& head = heads.at(name);
    head = in_embed_order(head, dim, orders).contiguous();
  }
  return heads;
}

double relative_change(const Supernet& before, const Supernet& after, const UnitOrders& orders) {
  at::NoGradGuard no_grad;
  const Blueprint& blueprint = before.blueprint();
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(1);
  const SpeechBatch batch = make_batch(
      at::empty({2, kCheckFrames * blueprint.base_frame_samples()}).normal_(0, 0.1, generator));
  double change = 0;
  // The storage's longest frame period includes the rate unit.
  for (const Architecture& full : {before.space().whole(), before.storage().shape}) {
    const at::Tensor expected =
        in_embed_order(encode(before.slice(full), batch).frames.x, 2, orders);
    const at::Tensor got = encode(after.slice(full), batch).frames.x;
    const double difference = (got - expected).abs().max().item<double>();
    change = std::max(change, difference / expected.abs().max().item<double>());
  }
  if (!(change <= kMaxSortChange)) {
    throw CheckFailed(fmt::format(
        "sorting changed the full network's output by {:.2g} of its largest value: at most {:.0g} "
        "is rounding",
        change, kMaxSortChange));
  }
  return change;
}

std::string provenance(const SortOptions& options, const std::string& before) {
  nlohmann::ordered_json json;
  json["sort"] = {
      {"score", enum_name(options.score)}, {"seconds", options.seconds}, {"seed", options.seed}};
  const auto inner = nlohmann::ordered_json::parse(before, nullptr, /*allow_exceptions=*/false);
  json["from"] = inner.is_discarded() ? nlohmann::ordered_json(before) : inner;
  return json.dump();
}

}  // namespace

SortResult sort_units(const SortOptions& options, const SortInputs& inputs) {
  const SearchSpace& space = inputs.model.space();
  if (inputs.trained != nullptr) check_width(*inputs.trained, space.whole());
  SortResult result;
  result.orders = order_by(space, scores_of(options, inputs));
  const Supernet sorted = reorder(inputs.model, result.orders);
  result.change = relative_change(inputs.model, sorted, result.orders);
  result.model = Supernet(space, sorted.weights(), provenance(options, inputs.model.provenance()));
  if (inputs.trained != nullptr) {
    result.heads = reorder_heads(*inputs.trained, space.whole(), result.orders);
  }
  return result;
}

}  // namespace concertina
