#include "eval/phone_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/hash.h"
#include "eval/folds.h"
#include "eval/task_data.h"

namespace concertina {
namespace {

std::vector<int64_t> phone_clips(const Manifest& manifest, const TaskOptions& options,
                                 Split split) {
  std::vector<ClipClass> training, scored;
  int64_t labelled = 0;
  for (size_t i = 0; i < manifest.clips.size(); ++i) {
    const Clip& clip = manifest.clips[i];
    if (clip.phones.empty()) continue;
    const bool in_train = clip.split == Split::kTrain;
    const bool taken = in_train ? labelled++ % options.pr_every == 0 : clip.split == split;
    if (taken && clip.samples >= kShortestClip)
      (in_train ? training : scored).emplace_back(static_cast<int64_t>(i), 0);
  }
  std::vector<int64_t> clips;
  for (const auto& [index, same] :
       clips_at_fidelity(manifest, training, options.fidelity, kLeastPhoneTraining))
    clips.push_back(index);
  for (const auto& [index, same] :
       clips_at_fidelity(manifest, scored, options.fidelity, kLeastPhoneScored))
    clips.push_back(index);
  return clips;
}

PhoneData labelled_clips(const Manifest& manifest, const std::vector<int64_t>& clips) {
  constexpr double kFirstFrames_s = static_cast<double>(kShortestClip) / kTaskSampleRate;
  std::map<int64_t, std::vector<PhoneSegment>> segments;
  std::set<std::string> labels;
  for (const int64_t index : clips) {
    std::vector<PhoneSegment> phones =
        read_phones(manifest.phones_path(manifest.clips[static_cast<size_t>(index)]));
    if (phones.empty() || phones.back().end_s < kFirstFrames_s) continue;
    for (const PhoneSegment& segment : phones) labels.insert(segment.label);
    segments[index] = std::move(phones);
  }
  PhoneData data{{}, {labels.begin(), labels.end()}};
  for (const auto& [index, phones] : segments) {
    PhoneClip& clip = data.clips[index];
    clip.split = manifest.clips[static_cast<size_t>(index)].split;
    for (const PhoneSegment& segment : phones) {
      clip.ends_s.push_back(segment.end_s);
      clip.classes.push_back(std::ranges::lower_bound(data.labels, segment.label) -
                             data.labels.begin());
    }
  }
  return data;
}

}  // namespace

int64_t PhoneClip::at(double time_s) const {
  const auto end = std::ranges::upper_bound(ends_s, time_s);
  return end == ends_s.end() ? kNoPhone : classes[static_cast<size_t>(end - ends_s.begin())];
}

at::Tensor PhoneClip::frame_classes(const ClipFeatures& features) const {
  std::vector<int64_t> frames;
  for (int64_t t = 0; t < features.layers.size(1); ++t)
    frames.push_back(at(features.centre_s + static_cast<double>(t) * features.period_s));
  return at::tensor(frames, at::kLong);
}

std::vector<int64_t> PhoneData::of(Split split) const {
  std::vector<int64_t> found;
  for (const auto& [index, clip] : clips) {
    if (clip.split == split) found.push_back(index);
  }
  return found;
}

std::set<int64_t> PhoneData::classes_of(Split split) const {
  std::set<int64_t> classes;
  for (const int64_t index : of(split)) {
    const PhoneClip& clip = clips.at(index);
    classes.insert(clip.classes.begin(), clip.classes.end());
  }
  return classes;
}

PhoneData read_phone_data(const Manifest& manifest, const TaskOptions& options, Split split) {
  PhoneData data = labelled_clips(manifest, phone_clips(manifest, options, split));
  const std::vector<int64_t> training = data.of(Split::kTrain);
  const std::vector<int32_t> folds = deal_folds(manifest, training);
  for (size_t i = 0; i < training.size(); ++i) data.clips.at(training[i]).fold = folds[i];
  return data;
}

std::string missing_phones(const PhoneData& data, Split split) {
  for (const Split part : {Split::kTrain, split}) {
    if (data.of(part).empty())
      return fmt::format("no clip of split {} has phone labels (columns 'phones' and 'split')",
                         split_name(part));
  }
  if (data.of(Split::kTrain).size() < 2)
    return "split train has one clip with phone labels, and two are needed (columns 'phones' and "
           "'split', option pr_every)";
  const std::set<int64_t> training = data.classes_of(Split::kTrain);
  if (training.size() < 2)
    return fmt::format("all labels of split train are '{}' (column 'phones')",
                       data.labels[static_cast<size_t>(*training.begin())]);
  const std::set<int64_t> scored = data.classes_of(split);
  const bool known = std::ranges::any_of(scored, [&](int64_t c) { return training.contains(c); });
  if (!known)
    return fmt::format("no phone of split {} is in split train (column 'phones')",
                       split_name(split));
  return "";
}

Facts phone_facts(const Manifest& manifest, const TaskOptions& options) {
  const std::string data = hash_of_clips(manifest, [&](const Clip& clip) {
    if (clip.phones.empty() || clip.split == Split::kTest) return std::string();
    return fmt::format("{}\t{}\t{}\t{}\t{}", audio_of(clip), clip.source, clip.speaker, clip.group,
                       sha256_file(manifest.phones_path(clip)));
  });
  return {{"data", data}, {"tasks.pr_every", fmt::format("{}", options.pr_every)}};
}

Facts test_phone_facts(const Manifest& manifest) {
  return {{"test_phones", hash_of_clips(manifest, [&](const Clip& clip) {
             if (clip.split != Split::kTest || clip.phones.empty()) return std::string();
             return fmt::format("{}\t{}", clip.id, sha256_file(manifest.phones_path(clip)));
           })}};
}

}  // namespace concertina
