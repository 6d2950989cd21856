#include <spandsp.h>

#include <algorithm>
#include <memory>

#include "core/errors.h"
#include "speech/audio.h"

namespace concertina {

Audio decode_g722(std::span<const std::byte> bytes) {
  constexpr int32_t kBitRate = 64000;
  constexpr size_t kBlock = 8000;
  if (bytes.empty()) throw InputError("G.722 data: empty (0 bytes)");
  const std::unique_ptr<g722_decode_state_t, int (*)(g722_decode_state_t*)> state(
      g722_decode_init(nullptr, kBitRate, 0), g722_decode_free);
  if (!state) throw SystemError("G.722 data: the decoder could not be started");
  Audio audio;
  audio.samples.reserve(bytes.size() * 2);
  std::vector<int16_t> pcm(kBlock * 2);
  for (size_t first = 0; first < bytes.size(); first += kBlock) {
    const size_t count = std::min(kBlock, bytes.size() - first);
    const int made =
        g722_decode(state.get(), pcm.data(), reinterpret_cast<const uint8_t*>(bytes.data() + first),
                    static_cast<int>(count));
    for (int i = 0; i < made; ++i)
      audio.samples.push_back(static_cast<float>(pcm[static_cast<size_t>(i)]) / 32768.0F);
  }
  audio.source = {kClipSampleRate, 1, static_cast<int64_t>(audio.samples.size())};
  return audio;
}

}  // namespace concertina
