// The configuration inside fairseq's, LightHuBERT's and WavLM's .pt files, read and written.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "supernet/checkpoint/foreign_model.h"
#include "supernet/checkpoint/settings.h"

namespace concertina {

// `settings` are those of the whole file: under cfg.model and cfg.task, args, or cfg; absent keys
// have fairseq's (or LightHuBERT's) defaults. InputError: no configuration, another kind of model,
// or options that the forward pass does not support (all listed).
ForeignModel fairseq_model(const Settings& settings);

// The settings of cfg.model in a .pt file, as read back above. The architecture must be exportable
// (expressible.h). A model of the LightHuBERT package's one size is written as LightHuBERT, with
// its space if any; every other as "hubert".
using NamedSettings = std::vector<std::pair<std::string, Setting>>;
NamedSettings fairseq_settings(const Blueprint& blueprint, const Architecture& architecture,
                               std::optional<LightHubertSpace> space = {});

}  // namespace concertina
