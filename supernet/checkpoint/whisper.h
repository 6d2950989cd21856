// Whisper's encoders: config.json of transformers, read and written, OpenAI's dimensions, and
// CTranslate2's variables. Sizes and formats as Radford et al. 2022 and the packages have them.
#pragma once

#include <string>

#include "supernet/checkpoint/foreign_model.h"
#include "supernet/checkpoint/settings.h"
#include "supernet/container/byte_reader.h"
#include "supernet/container/tensor_layout.h"

namespace concertina {

// transformers' WhisperModel, WhisperForConditionalGeneration or WhisperEncoder; `preprocessor` may
// be empty. InputError: options that the forward pass does not support (all listed).
ForeignModel transformers_whisper(const Settings& config, const Settings& preprocessor);
// JSON texts of a WhisperEncoder; the architecture must be exportable (expressible.h).
std::string whisper_config(const Blueprint& blueprint, const Architecture& architecture);
std::string whisper_preprocessor(const Blueprint& blueprint);

// OpenAI's file: its sizes are under "dims". InputError: other options, or none.
ForeignModel openai_whisper(const Settings& settings);

struct CTranslate2Checkpoint {
  ForeignModel model;
  // By our names; queries, keys and values, which the file has in one, are parts of it. Of the
  // decoder by the file's.
  LayoutMap tensors;
};

// `bytes` is the whole file called `name`. InputError: damaged, another kind of model, int8 weights,
// a bias of keys that is not zero.
CTranslate2Checkpoint read_ctranslate2(ByteSpan bytes, const std::string& name);

// Why an encoder does without a tensor of Whisper's, "decoder"; "" when it does not.
std::string why_whisper_ignores(std::string_view name);

bool is_whisper(const Blueprint& blueprint);

}  // namespace concertina
