// Pretraining of a teacher by masked unit prediction (HuBERT, with ILS-SSL's intermediate losses and
// the loss on unmasked frames; with augment.mixing WavLM's denoising: noisy audio, units of the clean
// audio).
#pragma once

#include "distill/pretrain/options.h"
#include "distill/train/stage.h"

namespace concertina {

// Units are fitted on the training clips and kept in units.safetensors of the stage's folder. The
// teacher has the shape of the space's largest architecture at the base frame period. Errors:
// InputError for options that do not fit, else as Trainer::run.
StageResult pretrain_teacher(const PretrainOptions& options, const SearchSpace& space,
                             const Manifest& manifest, const StageContext& context);

Architecture teacher_architecture(const SearchSpace& space);

}  // namespace concertina
