// config.json and preprocessor_config.json of transformers' HubertModel and its relatives, read and
// written; Whisper's are in whisper.h.
#pragma once

#include <string>

#include "supernet/checkpoint/foreign_model.h"
#include "supernet/checkpoint/settings.h"

namespace concertina {

// `preprocessor` may be empty: then waveforms are normalised where the extractor has layer norms.
// InputError: another kind of model, or options that the forward pass does not support (all
// listed).
ForeignModel transformers_model(const Settings& config, const Settings& preprocessor);

// JSON texts; the architecture must be exportable (expressible.h).
std::string transformers_config(const Blueprint& blueprint, const Architecture& architecture);
std::string transformers_preprocessor(const Blueprint& blueprint);

}  // namespace concertina
