// How well units agree with phone labels, where the corpus has them.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string>

#include "speech/joined_clips.h"

namespace concertina {

// The figures of HuBERT (Hsu et al. 2021, section IV-D), over the frames with a phone label y and a
// unit z:
//   phone purity     sum over z of max over y of p(y, z): the accuracy of units as phones
//   cluster purity   sum over y of max over z of p(y, z)
//   PNMI             I(y; z) / H(y): the share of the phones' entropy that units explain
// unit_quality() leaves abx_error to unit_abx_error().
struct UnitQuality {
  double phone_purity = 0, cluster_purity = 0, pnmi = 0;
  int64_t frames = 0;
  std::optional<double> abx_error = std::nullopt;  // unit_abx.h
};

// The phone at the centre of each frame: [total_frames] int64, labels numbered in the order of
// their first frame; -1 where a clip has no labels or they have ended. InputError for a label file that cannot be read.
at::Tensor phones_of_frames(const JoinedClips& clips);

// units [N] integers >= 0, phones [N] int64; nothing when no frame has a phone.
std::optional<UnitQuality> unit_quality(const at::Tensor& units, const at::Tensor& phones);

std::string to_json(const UnitQuality& quality);

}  // namespace concertina
