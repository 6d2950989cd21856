#include "distill/pretrain/unit_abx.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/errors.h"
#include "speech/abx.h"
#include "speech/audio.h"
#include "speech/dtw.h"
#include "speech/phones.h"

namespace concertina {
namespace {

constexpr int64_t kUnitTriples = 5000;
constexpr int64_t kLabelledClips = 2000;  // whose tokens fit into memory in any corpus

// Indices into clips.clips(): of those with labels every n-th.
std::vector<int64_t> labelled_clips(const JoinedClips& clips) {
  std::vector<int64_t> all, some;
  for (int64_t i = 0; i < std::ssize(clips.clips()); ++i) {
    const JoinedClips::ClipSpan& span = clips.clips()[static_cast<size_t>(i)];
    const Clip& clip = clips.manifest().clips[static_cast<size_t>(span.clip)];
    if (!clip.phones.empty() && span.frames > 0) all.push_back(i);
  }
  const int64_t step =
      std::max<int64_t>(1, (std::ssize(all) + kLabelledClips - 1) / kLabelledClips);
  for (int64_t i = 0; i < std::ssize(all); i += step) some.push_back(all[static_cast<size_t>(i)]);
  return some;
}

// AbxToken::clip is an index into clips.clips().
std::vector<AbxToken> phone_tokens(const JoinedClips& clips) {
  const Manifest& manifest = clips.manifest();
  std::map<std::string, int64_t> labels, speakers;
  const auto number = [](std::map<std::string, int64_t>& numbers, const std::string& name) {
    return numbers.try_emplace(name, std::ssize(numbers)).first->second;
  };
  std::set<int64_t> pauses;
  std::vector<AbxToken> tokens;
  for (const int64_t i : labelled_clips(clips)) {
    const JoinedClips::ClipSpan& span = clips.clips()[static_cast<size_t>(i)];
    const Clip& clip = manifest.clips[static_cast<size_t>(span.clip)];
    std::vector<double> ends_s;
    std::vector<int64_t> phones;
    for (const PhoneSegment& segment : read_phones(manifest.phones_path(clip))) {
      ends_s.push_back(segment.end_s);
      phones.push_back(number(labels, segment.label));
      if (is_pause(segment.label)) pauses.insert(phones.back());
    }
    const int64_t speaker = number(speakers, clip.source + "\t" + clip.speaker);
    add_abx_tokens({ends_s, phones, pauses}, {.clip = i, .speaker = speaker},
                   static_cast<double>(clip.samples) / kClipSampleRate, tokens);
  }
  return tokens;
}

using Units = std::span<const int64_t>;

double unit_distance(Units first, Units second) {
  std::vector<float> costs;
  for (const int64_t a : first) {
    for (const int64_t b : second) costs.push_back(a == b ? 0.0F : 1.0F);
  }
  return dtw_distance({costs.data(), std::ssize(first), std::ssize(second), std::ssize(second)});
}

}  // namespace

std::optional<double> unit_abx_error(const at::Tensor& units, const JoinedClips& clips) {
  CONCERTINA_ASSERT(units.numel() == clips.total_frames());
  const std::vector<AbxToken> tokens = phone_tokens(clips);
  const std::vector<AbxTriple> triples =
      draw_abx_triples(tokens, AbxSpeakers::kWithin, kUnitTriples, Rng(0).fork("unit abx triples"));
  if (triples.empty()) return std::nullopt;
  const at::Tensor numbers = units.to(at::kLong).contiguous();
  const double frame_s = static_cast<double>(clips.frame_samples()) / kClipSampleRate;
  const auto units_of = [&](int64_t token) {
    const AbxToken& segment = tokens[static_cast<size_t>(token)];
    const JoinedClips::ClipSpan& span = clips.clips()[static_cast<size_t>(segment.clip)];
    const FrameRange own = token_frames(segment, {frame_s / 2, frame_s, span.frames});
    return Units(numbers.const_data_ptr<int64_t>() + span.first_frame + own.first,
                 static_cast<size_t>(own.count));
  };
  std::vector<double> errors;
  for (const AbxTriple& triple : triples) {
    const Units x = units_of(triple.x);
    errors.push_back(abx_triple_error(unit_distance(units_of(triple.a), x),
                                      unit_distance(units_of(triple.b), x)));
  }
  return abx_error(triples, errors);
}

}  // namespace concertina
