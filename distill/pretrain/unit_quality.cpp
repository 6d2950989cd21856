#include "distill/pretrain/unit_quality.h"

#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/errors.h"
#include "distill/objective/pnmi.h"
#include "speech/audio.h"

namespace concertina {

at::Tensor phones_of_frames(const JoinedClips& clips) {
  const at::Tensor phones = at::full({clips.total_frames()}, -1, at::kLong);
  const double frame_s = static_cast<double>(clips.frame_samples()) / kClipSampleRate;
  const Manifest& manifest = clips.manifest();
  std::map<std::string, int64_t> numbers;
  for (const JoinedClips::ClipSpan& span : clips.clips()) {
    const Clip& clip = manifest.clips[static_cast<size_t>(span.clip)];
    if (clip.phones.empty()) continue;
    const std::vector<PhoneSegment> segments = read_phones(manifest.phones_path(clip));
    int64_t* out = phones.data_ptr<int64_t>() + span.first_frame;
    size_t segment = 0;
    for (int64_t frame = 0; frame < span.frames; ++frame) {
      const double centre = (static_cast<double>(frame) + 0.5) * frame_s;
      while (segment < segments.size() && segments[segment].end_s <= centre) ++segment;
      if (segment == segments.size()) break;
      const auto number = static_cast<int64_t>(numbers.size());
      out[frame] = numbers.try_emplace(segments[segment].label, number).first->second;
    }
  }
  return phones;
}

std::optional<UnitQuality> unit_quality(const at::Tensor& units, const at::Tensor& phones) {
  CONCERTINA_ASSERT(units.sizes() == phones.sizes());
  const at::Tensor labelled = phones.ge(0).nonzero().squeeze(1);
  if (labelled.numel() == 0) return std::nullopt;
  const at::Tensor y = phones.index_select(0, labelled);
  const at::Tensor z = units.index_select(0, labelled).to(at::kLong);
  const int64_t ys = y.max().item<int64_t>() + 1, zs = z.max().item<int64_t>() + 1;
  const at::Tensor joint = at::bincount(y * zs + z, {}, ys * zs).to(at::kDouble).view({ys, zs}) /
                           static_cast<double>(y.numel());
  return UnitQuality{.phone_purity = joint.amax(0).sum().item<double>(),
                     .cluster_purity = joint.amax(1).sum().item<double>(),
                     .pnmi = phone_normalised_information(joint),
                     .frames = y.numel()};
}

std::string to_json(const UnitQuality& quality) {
  nlohmann::ordered_json json{{"frames", quality.frames},
                              {"phone_purity", quality.phone_purity},
                              {"cluster_purity", quality.cluster_purity},
                              {"pnmi", quality.pnmi}};
  if (quality.abx_error) json["abx_error"] = *quality.abx_error;
  return json.dump();
}

}  // namespace concertina
