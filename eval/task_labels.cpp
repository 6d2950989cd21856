// Tasks on a column of the manifest that need nothing else: intent classification (what the speaker
// wants), emotion recognition, and tone classification (the lexical tone of a syllable that is the clip).
#include "eval/column_task.h"

namespace concertina {
namespace {

const ClassColumn kIntents = {
    .task = "ic", .name = "intent", .article = "an", .labels = &Clip::intent, .min_option = ""};
const ClassColumn kEmotions = {
    .task = "er", .name = "emotion", .article = "an", .labels = &Clip::emotion, .min_option = ""};
const ClassColumn kTones = {
    .task = "tone", .name = "tone", .article = "a", .labels = &Clip::tone, .min_option = ""};

}  // namespace

const TaskKind kIntentTask = column_task_kind<kIntents>("intents");
const TaskKind kEmotionTask = column_task_kind<kEmotions>("emotions");
const TaskKind kToneTask = column_task_kind<kTones>("tones");

}  // namespace concertina
