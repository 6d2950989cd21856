// Tone classification: the lexical tone, in column `tone`, of a syllable that is the whole clip.
#include "eval/column_task.h"

namespace concertina {
namespace {

const ClassColumn& tone_column() {
  static const ClassColumn column = {
      .task = "tone", .name = "tone", .article = "a", .labels = &Clip::tone, .min_option = ""};
  return column;
}

}  // namespace

const TaskKind kToneTask = column_task_kind<tone_column>("tones");

}  // namespace concertina
