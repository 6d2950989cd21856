#include "speech/mask.h"

#include <algorithm>
#include <numeric>

#include "core/errors.h"
#include "core/option_table.h"

namespace concertina {

const OptionTable<MaskOptions>& mask_table() {
  using O = MaskOptions;
  static const OptionTable<O> table = {
      option("probability", &O::probability, "share of frames masked if spans did not overlap")
          .within(kShareBounds)
          .require([](const O& o) { return o.probability < 1; },
                   "expected a number from 0 to below 1"),
      option("length", &O::length, "length of one span").within({1, 10000}).unit("frames"),
  };
  return table;
}

std::vector<uint8_t> span_mask(int64_t frames, const MaskOptions& options, Rng& rng) {
  CONCERTINA_ASSERT(frames >= 0 && options.length >= 1 && options.min_spans >= 0);
  CONCERTINA_ASSERT(options.probability >= 0 && options.probability <= 1);
  std::vector<uint8_t> mask(static_cast<size_t>(frames), 0);
  if (frames < 2) return mask;
  const double expected = options.probability * static_cast<double>(frames) / options.length;
  const auto drawn = static_cast<int64_t>(expected + rng.uniform());
  const int64_t spans = std::min<int64_t>(std::max<int64_t>(drawn, options.min_spans), frames - 1);
  // Complete spans where they fit; in a short clip the last spans are cut at its end.
  const int64_t places = std::max(frames - options.length, spans + 1);

  std::vector<int64_t> starts(static_cast<size_t>(places));
  std::iota(starts.begin(), starts.end(), 0);
  for (int64_t i = 0; i < spans; ++i) {
    std::swap(starts[static_cast<size_t>(i)],
              starts[static_cast<size_t>(i + rng.below(places - i))]);
    const int64_t first = starts[static_cast<size_t>(i)];
    const int64_t last = std::min(first + options.length, frames);
    std::fill(mask.begin() + first, mask.begin() + last, uint8_t{1});
  }
  return mask;
}

}  // namespace concertina
