#include "distill/objective/objective_kinds.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/errors.h"
#include "distill/objective/assistants.h"
#include "distill/objective/attention_scores.h"
#include "distill/objective/cka.h"
#include "distill/objective/contrastive.h"
#include "distill/objective/distances_and_angles.h"
#include "distill/objective/hints.h"
#include "distill/objective/kind_of.h"
#include "distill/objective/layer_head.h"
#include "distill/objective/layer_mean.h"
#include "distill/objective/layer_pairs.h"
#include "distill/objective/logits.h"
#include "distill/objective/masked_pairs.h"
#include "distill/objective/masked_units.h"
#include "distill/objective/oracle.h"
#include "distill/objective/prediction_heads.h"
#include "distill/objective/prototypes.h"
#include "distill/objective/relations.h"
#include "distill/objective/sum.h"
#include "distill/objective/teacher_mean.h"
#include "distill/objective/temporal_gram.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

Json joined(std::string_view kind, const std::vector<std::string>& objects) {
  Json json = {{"kind", kind}};
  for (const std::string& text : objects) {
    const Json object = Json::parse(text);
    if (object.is_object()) json.update(object);
  }
  return json;
}

}  // namespace

const std::vector<ObjectiveKind>& objective_kinds() {
  static const std::vector<ObjectiveKind> kinds = {
      kind_of<LayerMeanObjective>("the student regresses the mean of the FFN outputs of the "
                                  "teacher's last layers"),
      kind_of<LayerPairsObjective>(
          "student layers regress hidden states of teacher layers, pair by "
          "pair"),
      kind_of<PredictionHeadsObjective>(
          "the student's last output predicts several teacher layers, each through a head "
          "(DistilHuBERT)"),
      kind_of<HintsObjective>(
          "last layers, and the layers below as hints, through learned upsampling (FitHuBERT)"),
      kind_of<RelationsObjective>(
          "relations between the frames' queries, keys and values in layers (MiniLM)"),
      kind_of<AttentionScoresObjective>("attention scores before the softmax (TinyBERT)"),
      kind_of<TemporalGramObjective>("inner products between the frames of a clip (STaR)"),
      kind_of<DistancesAndAnglesObjective>(
          "distances between the frames of a clip, and angles between three of them (RKD)"),
      kind_of<CkaObjective>("the structure of frames and of clips, by CKA (FSD)"),
      kind_of<PrototypesObjective>(
          "nearness of frames to prototypes fitted on the teacher (after ProC-KD)"),
      kind_of<ContrastiveObjective>("clips told apart from earlier ones in a queue (DisCo)"),
      kind_of<MaskedPairsObjective>(
          "masked frames regress the teacher without masks, the others with them (MaskHuBERT)"),
      kind_of<MaskedUnitsObjective>(
          "the student predicts units of masked frames (HuBERT, ILS-SSL)"),
      kind_of<LogitsObjective>(
          "the student predicts the units that the teacher's own head predicts (Hinton et al.)"),
      kind_of<OracleObjective>("the student learns units, and from a teacher that sees the units "
                               "of a clip (after Yoon)"),
      kind_of<AssistantsObjective>(
          "the student learns units, and smaller subnets from larger ones (after Ganta)"),
      sum_kind(),
  };
  return kinds;
}

const ObjectiveKind& objective_kind(std::string_view name) {
  const auto& kinds = objective_kinds();
  const auto found = std::ranges::find(kinds, name, &ObjectiveKind::name);
  if (found != kinds.end()) return *found;
  const std::vector<std::string> names = objective_names();
  throw InputError(fmt::format("unknown kind of objective '{}'{}; expected one of {}", name,
                               did_you_mean(std::string(name), names), fmt::join(names, ", ")));
}

std::vector<std::string> objective_names() {
  std::vector<std::string> names;
  for (const ObjectiveKind& kind : objective_kinds()) names.emplace_back(kind.name);
  return names;
}

std::unique_ptr<Objective> make_objective(const std::string& text) {
  const auto [below, head] = split_layer_head(text);
  if (head) return on_layer_head(make_objective(below), *head);
  const auto [saved, mean] = split_teachers(text);
  if (!mean.teachers.empty()) return of_teachers(make_objective(saved), mean);
  const Json json = Json::parse(saved, nullptr, /*allow_exceptions=*/false);
  const Json kind = json.is_object() ? json.value("kind", Json()) : Json();
  if (!kind.is_string()) {
    throw InputError("the objective's description is invalid: it is no JSON object with a kind");
  }
  return objective_kind(kind.get<std::string>()).make(saved);
}

void read_json(const std::string& json, const std::function<void(ConfigSection)>& read) {
  ConfigFile file = ConfigFile::parse(json, "the objective's description");
  ConfigSection section = file.root();
  section.allow("kind");
  read(section);
  file.finish();
}

std::string joined_json(std::string_view kind, const std::vector<std::string>& objects) {
  return joined(kind, objects).dump();
}

std::string sorted_json(std::string_view kind, const std::vector<std::string>& objects) {
  return nlohmann::json::parse(joined_json(kind, objects)).dump();
}

}  // namespace concertina
