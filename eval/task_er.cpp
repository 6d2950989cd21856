// Emotion recognition: the emotion of column `emotion` that a clip is said with.
#include "eval/column_task.h"

namespace concertina {
namespace {

const ClassColumn& emotion_column() {
  static const ClassColumn column = {
      .task = "er", .name = "emotion", .article = "an", .labels = &Clip::emotion, .min_option = ""};
  return column;
}

}  // namespace

const TaskKind kEmotionTask = column_task_kind<emotion_column>("emotions");

}  // namespace concertina
