// Phone recognition as SUPERB scores it: the sequence of phones without pauses, recognised with CTC.
#include <algorithm>
#include <utility>

#include "eval/phone_data.h"
#include "eval/sequence_task.h"
#include "speech/phones.h"

namespace concertina {
namespace {

// Without pauses, and without what is after the part of the clip that is encoded.
std::vector<int64_t> phones_of(const PhoneData& data, const PhoneClip& clip, double clip_seconds) {
  std::vector<int64_t> symbols;
  for (size_t i = 0; i < clip.classes.size(); ++i) {
    if (clip_seconds > 0 && clip.ends_s[i] > clip_seconds) break;
    if (!is_pause(data.labels[static_cast<size_t>(clip.classes[i])]))
      symbols.push_back(clip.classes[i] + 1);
  }
  return symbols;
}

PreparedTask prepare_per(const Manifest& manifest, const TaskOptions& options, Split split) {
  const PhoneData data = read_phone_data(manifest, options, split);
  if (std::string missing = missing_phones(data, split); !missing.empty())
    return {nullptr, std::move(missing)};
  SequenceData sequences{{}, std::ssize(data.labels), {{"per.per_wsum", symbol_errors}}};
  bool training = false, scored = false;
  for (const auto& [index, clip] : data.clips) {
    std::vector<int64_t> symbols = phones_of(data, clip, options.clip_seconds);
    if (symbols.empty()) continue;
    const bool in_train = clip.split == Split::kTrain;
    (in_train ? training : scored) = true;
    sequences.clips[index] = {in_train, clip.fold, std::move(symbols)};
  }
  if (!training || !scored) return {nullptr, "all labels of a split are pauses (column 'phones')"};
  return {sequence_task(std::move(sequences)), ""};
}

}  // namespace

const TaskKind kPhoneSequenceTask = {.name = "per",
                                     .labels = "phone labels",
                                     .prepare = prepare_per,
                                     .facts = phone_facts,
                                     .test_facts = test_phone_facts,
                                     .same_text_leaks = true,
                                     .trained_only = true};

}  // namespace concertina
