// DistilHuBERT's files (s3prl's upstream "distiller"): tensors under "Distiller", settings under
// "Config".
#pragma once

#include "supernet/checkpoint/foreign_model.h"
#include "supernet/checkpoint/settings.h"

namespace concertina {

// `settings` are those of "Config"; the encoder's are under "distiller", with s3prl's defaults
// where they are absent. InputError: no such settings, or options that the forward pass does not
// support (all listed).
ForeignModel distiller_model(const Settings& settings);

}  // namespace concertina
