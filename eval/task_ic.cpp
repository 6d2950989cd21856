// Intent classification: what the speaker of a clip wants, one of the intents of column `intent`.
#include "eval/column_task.h"

namespace concertina {
namespace {

const ClassColumn& intent_column() {
  static const ClassColumn column = {
      .task = "ic", .name = "intent", .article = "an", .labels = &Clip::intent, .min_option = ""};
  return column;
}

}  // namespace

const TaskKind kIntentTask = column_task_kind<intent_column>("intents");

}  // namespace concertina
