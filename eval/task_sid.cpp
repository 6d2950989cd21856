// Speaker identification: the speaker of a clip among those of one source.
#include <fmt/format.h>

#include "eval/utterance_task.h"

namespace concertina {
namespace {

PreparedTask prepare_sid(const Manifest& manifest, const TaskOptions& options, Split split) {
  const SpeakerClips picked = pick_speakers(manifest, options.sid_min_clips);
  if (!picked.missing.empty()) return {nullptr, picked.missing};
  return utterance_task(
      manifest,
      {.task = "sid",
       .column = "speaker",
       .all = fmt::format("{} speakers of '{}'", picked.speakers.size(), picked.source),
       .names = picked.speakers,
       .clips = picked.clips},
      options, split);
}

}  // namespace

const TaskKind kSpeakerTask = {.name = "sid",
                               .labels = "several speakers with several groups each",
                               .prepare = prepare_sid,
                               .facts = speaker_facts,
                               .test_facts = nullptr,
                               .same_text_leaks = false,
                               .fidelity_version = kFidelityVersion};

}  // namespace concertina
