#include "distill/clip_beginning.h"

#include <algorithm>
#include <span>

#include "speech/audio.h"

namespace concertina {

SpeechBatch beginning_of(const Blueprint& blueprint, const Manifest& manifest, const Clip& clip,
                         double seconds) {
  const auto most = static_cast<int64_t>(seconds * blueprint.sample_rate);
  const int64_t samples =
      std::max<int64_t>(std::min(clip.samples, most), blueprint.base_frame_samples() * 2);
  const at::Tensor waveform = at::zeros({1, samples});
  const std::span<float> all(waveform.mutable_data_ptr<float>(), static_cast<size_t>(samples));
  read_wav_segment(manifest.audio_path(clip), 0,
                   all.first(static_cast<size_t>(std::min(clip.samples, samples))));
  return make_batch(waveform);
}

}  // namespace concertina
