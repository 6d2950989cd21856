// Intent classification: what the speaker of a clip wants, one of the intents of column `intent`.
#include "eval/column_task.h"

namespace concertina {
namespace {

const ClassColumn& intent_column() {
  static const ClassColumn column = {
      .task = "ic", .name = "intent", .article = "an", .labels = &Clip::intent, .min_option = ""};
  return column;
}

PreparedTask prepare_ic(const Manifest& manifest, const TaskOptions& options, Split split) {
  return column_task(manifest, intent_column(), options, split);
}

Facts ic_facts(const Manifest& manifest, const TaskOptions&) {
  return column_facts(manifest, intent_column());
}

}  // namespace

const TaskKind kIntentTask = {.name = "ic",
                              .labels = "intents",
                              .prepare = prepare_ic,
                              .facts = ic_facts,
                              .test_facts = nullptr,
                              .same_text_leaks = false};

}  // namespace concertina
