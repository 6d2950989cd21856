// Unit labels of a stage's clips, [total_frames] int16 each, in units.safetensors of its folder.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "core/rng.h"
#include "distill/pretrain/options.h"
#include "distill/train/stage.h"
#include "supernet/model/supernet.h"

namespace concertina {

struct UnitLabels {
  at::Tensor training, validation;
};

// Their quality is in units.json next to the file: distortion, and per split the figures of
// unit_quality.h where clips have phone labels.
//
// k-means is fitted and the clips are labelled once, by rank 0, unless the file already has the
// labels of this fingerprint; all ranks memory-map the file: 60,000 hours are 22 GB of labels,
// which the processes of a machine share. `teacher`: of a distillation stage, else null.
UnitLabels unit_labels(const UnitOptions& options, const StageData& data, const Supernet* teacher,
                       const Rng& rng, const PreparedStage& stage, const StageContext& context);

}  // namespace concertina
