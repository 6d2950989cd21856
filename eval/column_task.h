// Inside eval: classification of whole clips by a column of the manifest (keyword, intent, language).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "eval/task_kinds.h"
#include "eval/utterance_task.h"

namespace concertina {

struct ClassColumn {
  std::string task;            // prefix of its metrics
  std::string name;            // of the column: "keyword"
  std::string article;         // "a"
  std::string Clip::* labels;  // "": the clip is of no class
  int64_t min_clips = 1;       // classes with fewer clips in train are left out
  std::string min_option;      // that sets it, for messages; "": none
};

// The classes are the labels with enough clips in train, the task is utterance_task() on them.
PreparedTask column_task(const Manifest& manifest, const ClassColumn& column,
                         const TaskOptions& options, Split split);
// TaskKind::facts: the clips that have a label, and min_option.
Facts column_facts(const Manifest& manifest, const ClassColumn& column);

// Of a column without options, as a task. The name is a view of the column's.
template <const ClassColumn& column>
TaskKind column_task_kind(std::string_view labels) {
  return {.name = column.task,
          .labels = labels,
          .prepare = [](const Manifest& manifest, const TaskOptions& options,
                        Split split) { return column_task(manifest, column, options, split); },
          .facts = [](const Manifest& manifest,
                      const TaskOptions&) { return column_facts(manifest, column); },
          .test_facts = nullptr,
          .same_text_leaks = false,
          .fidelity_version = kFidelityVersion};
}

}  // namespace concertina
