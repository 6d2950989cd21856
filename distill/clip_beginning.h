// Single clips as batches of one, for passes that need no crops.
#pragma once

#include "speech/manifest.h"
#include "supernet/model/speech_batch.h"

namespace concertina {

// The first `seconds` of a clip, or all of it; zeros follow clips shorter than two base frames. Errors of reading as
// read_wav_segment().
SpeechBatch beginning_of(const Blueprint& blueprint, const Manifest& manifest, const Clip& clip,
                         double seconds);

}  // namespace concertina
