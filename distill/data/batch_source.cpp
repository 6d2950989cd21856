#include "distill/data/batch_source.h"

#include "distill/data/clip_crops.h"
#include "distill/data/crops.h"
#include "distill/data/whole_clips.h"

namespace concertina {

std::unique_ptr<BatchSource> make_batch_source(const BatchInputs& inputs) {
  if (inputs.options.whole_clips) return std::make_unique<WholeClipSource>(inputs);
  if (inputs.options.within_clips) return std::make_unique<ClipCropSource>(inputs);
  return std::make_unique<CropSource>(inputs);
}

}  // namespace concertina
