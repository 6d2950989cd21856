// Emotion recognition: the emotion of column `emotion` that a clip is said with.
#include "eval/column_task.h"

namespace concertina {
namespace {

const ClassColumn& emotion_column() {
  static const ClassColumn column = {
      .task = "er", .name = "emotion", .article = "an", .labels = &Clip::emotion, .min_option = ""};
  return column;
}

PreparedTask prepare_er(const Manifest& manifest, const TaskOptions& options, Split split) {
  return column_task(manifest, emotion_column(), options, split);
}

Facts er_facts(const Manifest& manifest, const TaskOptions&) {
  return column_facts(manifest, emotion_column());
}

}  // namespace

const TaskKind kEmotionTask = {.name = "er",
                               .labels = "emotions",
                               .prepare = prepare_er,
                               .facts = er_facts,
                               .test_facts = nullptr,
                               .same_text_leaks = false};

}  // namespace concertina
