// The table of proxy tasks: everything that is known of a task by its name. A new one is a source with
// its row, a line in task_kinds.cpp and its metrics in study/metric.cpp.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/options.h"
#include "speech/manifest.h"
#include "study/trial.h"

namespace concertina {

struct PreparedTask;  // eval/task.h

// Of tasks that score 100 clips at least, where they scored 200: eval/task_data.h, spoken_queries.h.
inline constexpr const char* kFidelityVersion = "2";

struct TaskKind {
  std::string_view name;    // prefix of its metrics
  std::string_view labels;  // what it needs in train and in the scored split: "phone labels"
  // Of the task's own clips (eval/task_data.h), which need not outlive the call. `split` is scored;
  // train fits and chooses the settings.
  PreparedTask (*prepare)(const Manifest& manifest, const TaskOptions& options, Split split);
  // What its dev scores depend on besides the model: its own options, and hashes of data and labels.
  Facts (*facts)(const Manifest& manifest, const TaskOptions& options);
  // What its test scores depend on besides: labels of test clips that `facts` leaves out. Null: none.
  Facts (*test_facts)(const Manifest& manifest);
  // Whether a transcript that is in train and in the scored split gives labels away.
  bool same_text_leaks;
  // Its only probe is trained by gradients: without TaskOptions::trained it is left out.
  bool trained_only = false;
  // Raised by a change of which clips a fidelity below 1 keeps. Null: they never changed.
  const char* fidelity_version = nullptr;
};

extern const TaskKind kPhoneTask, kKeywordTask, kSpeakerTask, kVerificationTask, kAbxTask,
    kAbxAcrossTask, kQueryTask, kPhoneSequenceTask, kRecognitionTask, kLanguageTask, kIntentTask,
    kEmotionTask, kToneTask, kSlotTask, kDiarizationTask, kUnitTask;

const std::vector<TaskKind>& task_kinds();
const TaskKind& task_kind(const std::string& name);  // InputError with the nearest name

// SHA-256 of the lines that `line` makes of clips; an empty line leaves the clip out.
std::string hash_of_clips(const Manifest& manifest,
                          const std::function<std::string(const Clip&)>& line);
std::string audio_of(const Clip& clip);  // id, length, split and hash, separated by tabs

}  // namespace concertina
