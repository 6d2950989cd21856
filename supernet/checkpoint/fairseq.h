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
// have fairseq's defaults (LightHuBERT's where it is one). InputError: no configuration, another
// kind of model, or options that the forward pass does not know (all listed).
ForeignModel fairseq_model(const Settings& settings);

// What a .pt file says about a model, as read back above: the settings of cfg.model. The
// architecture must be expressible (expressible.h). A model of the LightHuBERT package's one size
// is called so, with its space where it has one; every other is a "hubert".
using NamedSettings = std::vector<std::pair<std::string, Setting>>;
NamedSettings fairseq_settings(const Blueprint& blueprint, const Architecture& architecture,
                               std::optional<LightHubertSpace> space = {});

}  // namespace concertina
