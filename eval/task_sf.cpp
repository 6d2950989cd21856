// Slot filling: the words of a clip and the marks of their slots, recognised with CTC.
#include <fmt/format.h>

#include <memory>
#include <set>
#include <utility>

#include "core/errors.h"
#include "eval/slots.h"
#include "eval/spelled_clips.h"

namespace concertina {
namespace {

// Of all clips.
SlotMarks slot_marks(const Manifest& manifest) {
  std::set<std::string> types;
  for (const Clip& clip : manifest.clips) {
    try {
      for (const std::string& type : slot_types_in(clip.slots)) types.insert(type);
    } catch (const InputError& error) {
      throw InputError(fmt::format("{}: clip '{}': column 'slots': {}", manifest.folder.string(),
                                   clip.id, error.what()));
    }
  }
  return {{types.begin(), types.end()}};
}

PreparedTask prepare_sf(const Manifest& manifest, const TaskOptions& options, Split split) {
  const SlotMarks marks = slot_marks(manifest);
  if (marks.types.empty()) return {nullptr, "no clip has a marked slot (column 'slots')"};
  std::vector<SpelledClip> clips;
  for (size_t i = 0; i < manifest.clips.size(); ++i)
    clips.push_back({static_cast<int64_t>(i), marked_text(manifest.clips[i].slots, marks)});
  const auto data =
      std::make_shared<SpelledData>(spelled_data(manifest, clips, options, split, "slots"));
  if (!data->missing.empty()) return {nullptr, data->missing};
  SequenceData sequences = std::move(data->sequences);
  sequences.metrics = {{"sf.f1_wsum",
                        [data](auto reference, auto hypothesis) {
                          return slot_type_f1(data->text_of(reference), data->text_of(hypothesis));
                        }},
                       {"sf.cer_wsum", [data](auto reference, auto hypothesis) {
                          return slot_value_errors(data->text_of(reference),
                                                   data->text_of(hypothesis));
                        }}};
  return {sequence_task(std::move(sequences)), ""};
}

Facts sf_facts(const Manifest& manifest, const TaskOptions&) {
  return {{"data", hash_of_clips(manifest, [](const Clip& clip) {
             if (clip.slots.empty()) return std::string();
             return fmt::format("{}\t{}\t{}\t{}\t{}", audio_of(clip), clip.source, clip.speaker,
                                clip.group, clip.slots);
           })}};
}

}  // namespace

const TaskKind kSlotTask = {.name = "sf",
                            .labels = "texts with marked slots",
                            .prepare = prepare_sf,
                            .facts = sf_facts,
                            .test_facts = nullptr,
                            .same_text_leaks = true,
                            .trained_only = true};

}  // namespace concertina
