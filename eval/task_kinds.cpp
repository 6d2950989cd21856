#include "eval/task_kinds.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/errors.h"
#include "core/hash.h"

namespace concertina {

const std::vector<TaskKind>& task_kinds() {
  static const std::vector<TaskKind> kinds = {
      kPhoneTask,         kKeywordTask,     kSpeakerTask,  kVerificationTask,
      kAbxTask,           kAbxAcrossTask,   kUnitTask,     kQueryTask,
      kPhoneSequenceTask, kRecognitionTask, kLanguageTask, kToneTask,
      kIntentTask,        kEmotionTask,     kSlotTask,     kDiarizationTask};
  return kinds;
}

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const TaskKind& kind : task_kinds()) names.emplace_back(kind.name);
  return names;
}

const TaskKind& task_kind(const std::string& name) {
  const auto found = std::ranges::find(task_kinds(), name, &TaskKind::name);
  if (found != task_kinds().end()) return *found;
  const std::vector<std::string> names = task_names();
  throw InputError(fmt::format("unknown task '{}'{}; tasks are {}", name, did_you_mean(name, names),
                               fmt::join(names, ", ")));
}

std::string hash_of_clips(const Manifest& manifest,
                          const std::function<std::string(const Clip&)>& line) {
  std::string lines;
  for (const Clip& clip : manifest.clips) {
    if (const std::string text = line(clip); !text.empty()) lines += text + '\n';
  }
  return sha256(lines);
}

std::string audio_of(const Clip& clip) {
  return fmt::format("{}\t{}\t{}\t{}", clip.id, clip.samples, split_name(clip.split), clip.hash);
}

}  // namespace concertina
